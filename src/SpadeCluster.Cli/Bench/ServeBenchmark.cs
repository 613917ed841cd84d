using System.Diagnostics;
using SpadeCluster.Client;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Inference;
using SpadeCluster.Inference.OnnxRuntime;

namespace SpadeCluster.Cli.Bench;

/// <summary>The output of 'bench serve --json'.</summary>
/// <param name="ForwardPerSecond">Images of the network alone, with the faster of two layouts: one session with all processors, or one
/// session with one thread for each processor.</param>
/// <param name="ThroughputRatio">Served images divided by those of the network alone, in each round.</param>
/// <param name="LatencyRatio">Time of one served image divided by the network's alone with all processors, in each round.</param>
/// <param name="UnderLoadMs">Latencies while all connections send.</param>
/// <param name="Cluster">A cluster measured in the same turns.</param>
internal sealed record ServeResult(string Server, string Category, string Model, string Processor, int Connections, int Rounds,
    Spread ForwardPerSecond, Spread ServedPerSecond, Spread ThroughputRatio, Spread ForwardMs, Percentiles OneAtATimeMs,
    Spread LatencyRatio, Percentiles UnderLoadMs, ClusterResult? Cluster = null);

/// <param name="OfServer">Images per second divided by the server's, in each round.</param>
/// <param name="LatencyOfServer">Time of one image divided by the server's, in each round.</param>
internal sealed record ClusterResult(int Silos, Spread PerSecond, Spread OfServer, Percentiles OneAtATimeMs, Spread LatencyOfServer,
    Percentiles UnderLoadMs);

/// <summary>Times a server's answers beside the network's forward pass alone, in turns, so that a slower machine affects both.</summary>
internal sealed class ServeBenchmark : IDisposable
{
    private const int Singles = 20;

    private readonly SpadeClient _client;
    private readonly (SpadeClient Client, int Silos)? _cluster;
    private readonly string _category;
    private readonly IReadOnlyList<ImageSource> _images;
    private readonly RgbImage _input;
    private readonly IFeatureExtractor _wide;
    private readonly IFeatureExtractor[] _narrow;
    private int _sent;

    /// <param name="cluster">Measured beside the server; null: none.</param>
    /// <param name="images">Photographs, read before; sent again and again.</param>
    /// <param name="device">Of the network alone.</param>
    public ServeBenchmark(SpadeClient client, (SpadeClient Client, int Silos)? cluster, string category,
        IReadOnlyList<ImageSource> images, InferenceModel model, OnnxRuntimeDevice device)
    {
        (_client, _cluster, _category, _images) = (client, cluster, category, images);
        _input = new RgbImage(model.Manifest.InputWidth, model.Manifest.InputHeight);
        new Random(1).NextBytes(_input.Pixels);
        _wide = Open(0);
        _narrow = [.. Enumerable.Range(0, Environment.ProcessorCount).Select(_ => Open(1))];

        IFeatureExtractor Open(int threads)
            => new OnnxRuntimeExtractor(model, new OnnxRuntimeOptions { Device = device, Threads = threads });
    }

    /// <param name="server">How the result names the server.</param>
    /// <param name="connections">Images sent at once.</param>
    /// <param name="time">Duration of each part of a round.</param>
    /// <exception cref="SpadeException">The server refused an image.</exception>
    public async Task<ServeResult> RunAsync(string server, int connections, TimeSpan time, int rounds, Action<string> progress,
        CancellationToken cancellationToken)
    {
        List<double> forward = [], served = [], throughput = [], forwardMs = [], single = [], latency = [], loaded = [];
        List<double> clusters = [], ofServer = [], clusterSingle = [], latencyOfServer = [], clusterLoaded = [];
        // A gallery is opened by its first image, and code is compiled.
        await RepeatAsync(connections, time, Score(_client), [], cancellationToken);
        if (_cluster is { } beside) await RepeatAsync(connections, time, Score(beside.Client), [], cancellationToken);
        for (int round = 1; round <= rounds; round++)
        {
            progress($"round {round} of {rounds}");
            double alone = Math.Max(await RepeatAsync(1, time, ExtractAsync(_ => _wide), [], cancellationToken),
                await RepeatAsync(_narrow.Length, time, ExtractAsync(i => _narrow[i]), [], cancellationToken));
            double answered = await RepeatAsync(connections, time, Score(_client), loaded, cancellationToken);
            double one = await MedianAsync(ExtractAsync(_ => _wide), [], cancellationToken);
            double whole = await MedianAsync(Score(_client), single, cancellationToken);
            if (_cluster is { } cluster)
            {
                clusters.Add(await RepeatAsync(connections, time, Score(cluster.Client), clusterLoaded, cancellationToken));
                ofServer.Add(clusters[^1] / answered);
                latencyOfServer.Add(await MedianAsync(Score(cluster.Client), clusterSingle, cancellationToken) / whole);
            }
            forward.Add(alone);
            served.Add(answered);
            throughput.Add(answered / alone);
            forwardMs.Add(one);
            latency.Add(whole / one);
        }
        return new ServeResult(server, _category, _wide.Model.Name, Machine.Describe(), connections, rounds, Spread.Of(forward),
            Spread.Of(served), Spread.Of(throughput), Spread.Of(forwardMs), Percentiles.Of(single), Spread.Of(latency),
            Percentiles.Of(loaded), _cluster is null ? null : new ClusterResult(_cluster.Value.Silos, Spread.Of(clusters),
                Spread.Of(ofServer), Percentiles.Of(clusterSingle), Spread.Of(latencyOfServer), Percentiles.Of(clusterLoaded)));
    }

    public void Dispose()
    {
        _wide.Dispose();
        foreach (var extractor in _narrow) extractor.Dispose();
    }

    private Func<int, CancellationToken, Task> Score(SpadeClient client) => (_, cancellationToken) => client.ScoreAsync(_category,
        _images[(int)((uint)Interlocked.Increment(ref _sent) % _images.Count)], cancellationToken);

    private Func<int, CancellationToken, Task> ExtractAsync(Func<int, IFeatureExtractor> extractor)
    {
        ImageFeatures[] features = [.. Enumerable.Range(0, _narrow.Length).Select(_ => new ImageFeatures(_wide.Model))];
        return (sender, stop) => extractor(sender).ExtractAsync([_input], [features[sender]], stop).AsTask();
    }

    private static async Task<double> MedianAsync(Func<int, CancellationToken, Task> work, List<double> all, CancellationToken stop)
    {
        await work(0, stop);
        var times = new List<double>();
        for (int i = 0; i < Singles; i++) times.Add(await Timing.MeasureAsync(() => work(0, stop)));
        all.AddRange(times);
        return Spread.Of(times).Median;
    }

    /// <summary>Senders that each repeat their work, one after the other.</summary>
    /// <param name="times">Receives the milliseconds of each piece of work.</param>
    /// <returns>Work finished per second.</returns>
    private static async Task<double> RepeatAsync(int senders, TimeSpan time, Func<int, CancellationToken, Task> work, List<double> times,
        CancellationToken stop)
    {
        long start = Stopwatch.GetTimestamp();
        var each = await Task.WhenAll(Enumerable.Range(0, senders).Select(sender => Task.Run(async () =>
        {
            var own = new List<double>();
            while (Stopwatch.GetElapsedTime(start) < time) own.Add(await Timing.MeasureAsync(() => work(sender, stop)));
            return own;
        }, stop)));
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        foreach (var own in each) times.AddRange(own);
        return each.Sum(own => own.Count) / seconds;
    }
}
