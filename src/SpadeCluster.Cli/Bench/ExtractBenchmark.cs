using SpadeCluster.Cli.Composition;
using SpadeCluster.Features;
using SpadeCluster.Inference;

namespace SpadeCluster.Cli.Bench;

/// <summary>The output of 'bench extract --json'.</summary>
/// <param name="PeerRatio">The peer's median divided by ours at the last thread count; null without a peer.</param>
internal sealed record ExtractResult(string Model, string Processor, IReadOnlyList<Timing> Timings, double? PeerRatio);

/// <summary>Times feature extraction of one image, alternating between the thread counts and a peer program.</summary>
internal static class ExtractBenchmark
{
    private const int Rounds = 3, WarmUps = 3;

    /// <param name="runs">Measured images per round and thread count.</param>
    public static async Task<ExtractResult> RunAsync(InferenceModel model, IReadOnlyList<int> threads, int runs, PeerCommand? peer,
        CancellationToken cancellationToken)
    {
        var subjects = threads.Select(count
            => (Threads: count, Extractor: new ExtractorSettings(Threads: count).Open(model), Times: new List<double>())).ToList();
        var peerTimes = new List<double>();
        try
        {
            var image = new RgbImage(model.Manifest.InputWidth, model.Manifest.InputHeight);
            new Random(1).NextBytes(image.Pixels);
            var features = new ImageFeatures(subjects[0].Extractor.Model);
            // Alternating, so that a slower machine affects all of them.
            for (int round = 0; round < Rounds; round++)
            {
                foreach (var (_, extractor, times) in subjects)
                {
                    async Task Extract() => await extractor.ExtractAsync([image], [features], cancellationToken);
                    for (int i = 0; i < WarmUps; i++) await Extract();
                    for (int i = 0; i < runs; i++) times.Add(await Timing.MeasureAsync(Extract));
                }
                if (peer is not null) peerTimes.AddRange(await peer.RunAsync(cancellationToken));
            }
        }
        finally
        {
            foreach (var (_, extractor, _) in subjects) extractor.Dispose();
        }
        var timings = subjects.Select(s => Timing.Of("ONNX Runtime", s.Threads, s.Times)).ToList();
        double? ratio = null;
        if (peer is not null)
        {
            var measured = Timing.Of($"peer: {peer.Command}", threads[^1], peerTimes);
            ratio = measured.MedianMs / timings[^1].MedianMs;
            timings.Add(measured);
        }
        return new ExtractResult(model.Manifest.Name, Machine.Describe(), timings, ratio);
    }
}
