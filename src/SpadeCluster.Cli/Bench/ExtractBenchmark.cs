using SpadeCluster.Cli.Composition;
using SpadeCluster.Features;
using SpadeCluster.Inference;
using SpadeCluster.Inference.Managed;

namespace SpadeCluster.Cli.Bench;

/// <summary>What 'bench extract --json' prints.</summary>
internal sealed record ExtractResult(string Model, string Processor, IReadOnlyList<Timing> Timings, double? PeerOverManaged, IReadOnlyList<StepProfile> Profile);

/// <summary>Times feature extraction of one image, by every extractor of this build, in turns with each other and a peer program.</summary>
internal static class ExtractBenchmark
{
    private const int Rounds = 3, WarmUps = 3;

    public static async Task<ExtractResult> RunAsync(InferenceModel model, IReadOnlyList<int> threads, int runs, PeerCommand? peer, CancellationToken cancellationToken)
    {
        var timings = new List<Timing>();
        var peerTimes = new List<double>();
        var profile = new List<StepProfile>();
        foreach (int count in threads)
        {
            var subjects = Extractors.OpenAll(model, new(Threads: count)).Select(e => (e.Name, e.Extractor, Times: new List<double>())).ToList();
            try
            {
                var image = new RgbImage(model.Manifest.InputWidth, model.Manifest.InputHeight);
                new Random(1).NextBytes(image.Pixels);
                var steps = new List<IReadOnlyList<StepTime>>();
                var features = new ImageFeatures(subjects[0].Extractor.Model);
                // In turns, so that a machine that slows down slows all.
                for (int round = 0; round < Rounds; round++)
                {
                    foreach (var (_, extractor, times) in subjects)
                    {
                        async Task Extract() => await extractor.ExtractAsync([image], [features], cancellationToken);
                        for (int i = 0; i < WarmUps; i++) await Extract();
                        for (int i = 0; i < runs; i++)
                        {
                            times.Add(await Timing.MeasureAsync(Extract));
                            if (extractor is ManagedExtractor managed) steps.Add(managed.LastSteps());
                        }
                    }
                    if (peer is not null && count == threads[^1]) peerTimes.AddRange(await peer.RunAsync(cancellationToken));
                }
                if (steps.Count > 0) profile.AddRange(StepProfile.Of(count, steps));
                timings.AddRange(subjects.Select(s => Timing.Of(s.Name, count, s.Times)));
            }
            finally
            {
                foreach (var (_, extractor, _) in subjects) extractor.Dispose();
            }
        }
        double? ratio = null;
        if (peer is not null)
        {
            if (timings.LastOrDefault(t => t.Name == Extractors.Managed) is { } managed) ratio = Timing.Of("", 0, peerTimes).MedianMs / managed.MedianMs;
            timings.Add(Timing.Of($"peer: {peer.Command}", threads[^1], peerTimes));
        }
        return new ExtractResult(model.Manifest.Name, Machine.Describe(), timings, ratio, profile);
    }}
