using SpadeCluster.Cli.Composition;
using SpadeCluster.Cli.Output;
using SpadeCluster.Inference;

namespace SpadeCluster.Cli.Commands;

/// <summary>Runs a model with every extractor of this build and compares them.</summary>
internal static class ModelVerifier
{
    /// <exception cref="SpadeException">No extractor can run it, or one gave features that cannot be right.</exception>
    public static async Task<ModelVerified> RunAsync(InferenceModel model, string device, CancellationToken cancellation)
    {
        var opened = Extractors.OpenAll(model, new(Device: device));
        try
        {
            IReadOnlyList<FeatureRange> ranges = [];
            var extractors = new List<ModelExtractor>();
            foreach (var (name, extractor) in opened)
            {
                var own = await ModelVerification.RunAsync(extractor, cancellation: cancellation);
                if (ranges.Count == 0) ranges = own;
                var errors = extractor == opened[0].Extractor ? [] : await ModelVerification.CompareAsync(opened[0].Extractor, extractor, cancellation: cancellation);
                extractors.Add(new(name, extractor.Health.Provider, extractor.Health.Device, [.. errors.Select((e, i) => new ModelOutputDifference(ranges[i].Name, e))]));
            }
            return new(model.Manifest.Name, model.Digest, [.. ranges.Select(r => new ModelOutputRange(r.Name, r.Smallest, r.Largest, r.Mean))], extractors);
        }
        finally
        {
            foreach (var (_, extractor) in opened) extractor.Dispose();
        }
    }
}
