using System.Diagnostics;
using SpadeCluster.Cluster.Tests.Support;
using SpadeCluster.Scoring;
using Xunit.Abstractions;

namespace SpadeCluster.Cluster.Tests.Processes;

/// <summary>What a one-silo cluster adds to the latency of one process: measured in turns, in one run.</summary>
[Collection(Alone.Name)]
[Trait("Category", "Long")]
public sealed class OverheadTests(ITestOutputHelper output)
{
    private const int Rounds = 40;

    [PostgresFact]
    public async Task One_silo_adds_at_most_a_tenth_or_ten_milliseconds()
    {
        await using var silos = await RealSilos.StartAsync([("all", "gateway,gallery,extractor")]);
        using var client = silos.Client();
        await client.AddNormalsAsync("plate", Photos.Normals(8), "tester");
        await client.CalibrateAsync("plate", null, "tester");
        using var engines = new StandaloneEngines();
        using var standalone = new ScoringService(silos.Store, engines);
        var photo = Photos.Mixed(2)[1];
        var (alone, cluster) = (new double[Rounds], new double[Rounds]);
        for (int i = -10; i < Rounds; i++)
        {
            long start = Stopwatch.GetTimestamp();
            await standalone.ScoreAsync("plate", photo);
            double a = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            start = Stopwatch.GetTimestamp();
            await client.ScoreAsync("plate", photo);
            double c = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            // The first ten warm both up.
            if (i >= 0) (alone[i], cluster[i]) = (a, c);
        }
        Array.Sort(alone);
        Array.Sort(cluster);
        double median = alone[Rounds / 2], overhead = cluster[Rounds / 2] - median;
        output.WriteLine($"median of {Rounds}: standalone {median:0.0} ms, through a one-silo cluster {median + overhead:0.0} ms, "
            + $"overhead {overhead:0.0} ms; fastest of each: {alone[0]:0.0} and {cluster[0]:0.0} ms");
        Assert.True(overhead <= Math.Max(0.1 * median, 10), $"overhead {overhead:0.0} ms over {median:0.0} ms");
    }
}
