using SpadeCluster.Cli.Composition;
using SpadeCluster.Cli.Output;
using SpadeCluster.Features;
using SpadeCluster.Inference;

namespace SpadeCluster.Cli.Commands;

/// <summary>Runs a model with every extractor of this build and compares them.</summary>
internal static class ModelVerifier
{
    /// <exception cref="SpadeException">No extractor can run it, or one gave features that cannot be right.</exception>
    public static async Task<ModelVerified> RunAsync(InferenceModel model, string device, CancellationToken cancellation)
    {
        var opened = new List<(string Name, IFeatureExtractor Extractor)>();
        try
        {
            SpadeException? refused = null;
            foreach (var choice in Extractors.All)
            {
                try
                {
                    opened.Add((choice.Name, choice.Create(model, new(choice.Name, choice.CpuOnly ? Extractors.Cpu : device))));
                }
                catch (SpadeException e) when (e.Error == SpadeError.InvalidArgument)
                {
                    refused ??= e;
                    Console.Error.WriteLine($"spade: not with {choice.Name}: {e.Message}");
                }
            }
            if (opened.Count == 0) throw refused!;
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
