using SpadeCluster.Features;
using SpadeCluster.Inference;
using SpadeCluster.Inference.Managed;

namespace SpadeCluster.Cli.Bench;

/// <summary>What 'bench extract --json' prints.</summary>
internal sealed record ExtractResult(string Model, string Processor, IReadOnlyList<Timing> Timings, double? PeerOverManaged);

/// <summary>Times feature extraction of one image, in turns with a peer program.</summary>
internal static class ExtractBenchmark
{
    private const int Rounds = 3, WarmUps = 3;

    public static async Task<ExtractResult> RunAsync(InferenceModel model, IReadOnlyList<int> threads, int runs, PeerCommand? peer, CancellationToken cancellationToken)
    {
        var timings = new List<Timing>();
        var peerTimes = new List<double>();
        foreach (int count in threads)
        {
            using var extractor = new ManagedExtractor(model, count);
            var image = new RgbImage(extractor.Model.InputWidth, extractor.Model.InputHeight);
            new Random(1).NextBytes(image.Pixels);
            var features = new ImageFeatures(extractor.Model);
            async Task Extract() => await extractor.ExtractAsync([image], [features], cancellationToken);

            for (int i = 0; i < WarmUps; i++) await Extract();
            var times = new List<double>();
            // In turns, so that a machine that slows down slows both.
            for (int round = 0; round < Rounds; round++)
            {
                for (int i = 0; i < runs; i++) times.Add(await Timing.MeasureAsync(Extract));
                if (peer is not null && count == threads[^1]) peerTimes.AddRange(await peer.RunAsync(cancellationToken));
            }
            timings.Add(Timing.Of("managed", count, times));
        }
        double? ratio = null;
        if (peer is not null)
        {
            ratio = Timing.Of("", 0, peerTimes).MedianMs / timings[^1].MedianMs;
            timings.Add(Timing.Of($"peer: {peer.Command}", threads[^1], peerTimes));
        }
        return new ExtractResult(model.Manifest.Name, Machine.Describe(), timings, ratio);
    }
}
