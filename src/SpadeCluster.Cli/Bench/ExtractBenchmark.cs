using SpadeCluster.Features;
using SpadeCluster.Inference;
using SpadeCluster.Inference.OnnxRuntime;

namespace SpadeCluster.Cli.Bench;

/// <summary>The output of 'bench extract --json'.</summary>
/// <param name="PeerRatio">The peer's time of an image divided by ours at the last thread count and batch; null without a peer.</param>
/// <param name="Device">cpu or cuda:N.</param>
internal sealed record ExtractResult(string Model, string Device, string Processor, IReadOnlyList<Timing> Timings, double? PeerRatio);

/// <summary>Times feature extraction, alternating between thread counts, batches and a peer program.</summary>
internal static class ExtractBenchmark
{
    private const int Rounds = 3, WarmUps = 3;

    /// <param name="batches">Images given to the extractor at once.</param>
    /// <param name="runs">Measured calls per round, thread count and batch.</param>
    public static async Task<ExtractResult> RunAsync(InferenceModel model, OnnxRuntimeDevice device, IReadOnlyList<int> threads,
        IReadOnlyList<int> batches, int runs, PeerCommand? peer, CancellationToken cancellationToken)
    {
        var subjects = threads.SelectMany(count => batches.Select(batch => (Threads: count, Batch: batch,
            Extractor: new OnnxRuntimeExtractor(model, new() { Device = device, Threads = count, Batch = batch }),
            Times: new List<double>()))).ToList();
        var peerTimes = new List<double>();
        try
        {
            var image = new RgbImage(model.Manifest.InputWidth, model.Manifest.InputHeight);
            new Random(1).NextBytes(image.Pixels);
            RgbImage[] images = [.. Enumerable.Repeat(image, batches.Max())];
            ImageFeatures[] features = [.. images.Select(_ => new ImageFeatures(subjects[0].Extractor.Model))];
            // Alternating, so that a slower machine affects all of them.
            for (int round = 0; round < Rounds; round++)
            {
                foreach (var (_, batch, extractor, times) in subjects)
                {
                    async Task Extract() => await extractor.ExtractAsync(images[..batch], features[..batch], cancellationToken);
                    for (int i = 0; i < WarmUps; i++) await Extract();
                    for (int i = 0; i < runs; i++) times.Add(await Timing.MeasureAsync(Extract));
                }
                if (peer is not null) peerTimes.AddRange(await peer.RunAsync(cancellationToken));
            }
        }
        finally
        {
            foreach (var (_, _, extractor, _) in subjects) extractor.Dispose();
        }
        var timings = subjects.Select(s => Timing.Of("ONNX Runtime", s.Threads, s.Times, s.Batch)).ToList();
        double? ratio = null;
        if (peer is not null)
        {
            var measured = Timing.Of($"peer: {peer.Command}", threads[^1], peerTimes);
            ratio = timings[^1].ImagesPerSecond / measured.ImagesPerSecond;
            timings.Add(measured);
        }
        return new ExtractResult(model.Manifest.Name, device.ToString(), Machine.Describe(), timings, ratio);
    }
}
