using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using SpadeCluster.Cli.Commands.Cluster;
using SpadeCluster.Cluster.Tests.Support;
using SpadeCluster.Galleries;
using SpadeCluster.Scoring;
using Xunit.Abstractions;

namespace SpadeCluster.Cluster.Tests.Processes;

/// <summary>Silos are added and removed, as an autoscaler does it, while images stream through the client.</summary>
[Trait("Category", "Long")]
public sealed class ScalingTests(ITestOutputHelper output)
{
    /// <summary>Answers between two changes.</summary>
    private const int Calm = 20;

    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    private readonly Dictionary<string, int> _ports = [];
    private readonly TaskCompletionSource _stop = new();
    private int _answered;

    [PostgresFact]
    public async Task Extractors_and_gallery_silos_come_and_go_under_a_stream()
    {
        await using var silos = await RealSilos.StartAsync([("gateway", "gateway"), ("extractor-1", "extractor"), ("gallery-1", "gallery")],
            new() { ["Spade:Cluster:Shards"] = "4" },
            name => new() { ["Spade:MetricsPort"] = (_ports[name] = LoopbackPorts.Next()).ToString(CultureInfo.InvariantCulture) });
        using var client = silos.Client();
        await client.AddNormalsAsync("plate", Photos.Normals(8), "tester");
        await client.CalibrateAsync("plate", null, "tester");
        using var engines = new StandaloneEngines();
        using var standalone = new ScoringService(silos.Store, engines);
        var photos = Photos.Mixed(6);
        var expected = new List<ImageScore>();
        foreach (var photo in photos) expected.Add(ImageScore.Of(await standalone.ScoreAsync("plate", photo)));

        var streaming = Task.Run(async () =>
        {
            await foreach (var score in client.ScoreStreamAsync("plate", UntilStopped(photos)))
            {
                Assert.True(score.Error is null, score.Error?.Message);
                Assert.Equal(_answered, score.Index);
                SameScores.Assert(expected[_answered % photos.Count], score.Score!);
                Interlocked.Increment(ref _answered);
            }
        });
        try
        {
            await AnswersAsync(streaming);
            foreach (string name in new[] { "extractor-2", "gallery-2", "gallery-3" })
            {
                long start = Stopwatch.GetTimestamp();
                await silos.StartAsync(name, name.Split('-')[0]);
                double joined = Stopwatch.GetElapsedTime(start).TotalSeconds;
                // It works, and is not only a member.
                await UntilAsync(streaming, () => WorksAsync(name));
                output.WriteLine($"{name} is a member {joined:0.0} s after the start of its process, and works "
                    + $"after {Stopwatch.GetElapsedTime(start).TotalSeconds:0.0} s");
                await AnswersAsync(streaming);
            }
            foreach (string name in new[] { "extractor-1", "gallery-1", "gallery-3" })
            {
                await silos.StopAsync(name);
                await AnswersAsync(streaming);
            }
        }
        finally
        {
            _stop.SetResult();
        }
        await streaming;
        output.WriteLine($"3 silos added and 3 removed under a stream: {_answered} images answered, 0 failed, 0 wrong");
    }

    private async IAsyncEnumerable<ImageSource> UntilStopped(IReadOnlyList<ImageSource> photos)
    {
        for (int i = 0; !_stop.Task.IsCompleted; i = (i + 1) % photos.Count)
        {
            await Task.Yield();
            yield return photos[i];
        }
    }

    private Task AnswersAsync(Task streaming)
    {
        int enough = Volatile.Read(ref _answered) + Calm;
        return UntilAsync(streaming, () => Task.FromResult(Volatile.Read(ref _answered) >= enough));
    }

    /// <summary>Polls, because neither answers nor the metrics of another process can be waited for.</summary>
    private static async Task UntilAsync(Task streaming, Func<Task<bool>> reached)
    {
        using var limit = new CancellationTokenSource(Limit);
        while (!await reached())
        {
            if (streaming.IsCompleted) await streaming;
            await Task.Delay(20, limit.Token);
        }
    }

    /// <summary>Whether an extractor has computed a batch, or a gallery silo has opened a shard.</summary>
    private async Task<bool> WorksAsync(string silo)
    {
        using var http = new HttpClient();
        string metrics = await http.GetStringAsync($"http://127.0.0.1:{_ports[silo]}/metrics");
        return Regex.Matches(metrics, @"^(?:spade_extractor_batch_\w*count|spade_galleries_opened\w*)\{[^}]*\} (\d+)",
            RegexOptions.Multiline).Any(m => m.Groups[1].Value != "0");
    }
}
