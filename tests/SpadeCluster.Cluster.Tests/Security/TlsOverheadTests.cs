using System.Diagnostics;
using SpadeCluster.Cli.Silo;
using SpadeCluster.Client;
using SpadeCluster.Cluster.Tests.Processes;
using SpadeCluster.Cluster.Tests.Support;
using SpadeCluster.Scoring;
using Xunit.Abstractions;

namespace SpadeCluster.Cluster.Tests.Security;

/// <summary>What TLS between silos adds to an image: two clusters, measured in turns, in one run.</summary>
[Collection(Alone.Name)]
[Trait("Category", "Long")]
public sealed class TlsOverheadTests(ITestOutputHelper output)
{
    private const int Rounds = 100, Warm = 10;

    [PostgresFact]
    public async Task Tls_adds_at_most_a_twentieth_or_two_milliseconds()
    {
        string folder = Directory.CreateTempSubdirectory("spade-ca-").FullName;
        using var authority = new ClusterAuthority("ours", TimeSpan.FromDays(1));
        (string Name, string Roles)[] plan = [("gateway", "gateway,extractor"), ("gallery", "gallery")];
        foreach (var (name, _) in plan) authority.Issue(Path.Combine(folder, name), name);
        await using var plain = await RealSilos.StartAsync(plan);
        await using var secure = await RealSilos.StartAsync(plan, null, silo => new() { ["Spade:TlsFolder"] = Path.Combine(folder, silo) });
        using SpadeClient open = plain.Client(), closed = secure.Client();
        foreach (var client in (SpadeClient[])[open, closed])
        {
            await client.AddNormalsAsync("plate", Photos.Normals(8), "tester");
            await client.CalibrateAsync("plate", new ScoringOptions { GatePolicy = GatePolicy.Always, Alpha = 0.2 }, "tester");
        }
        var photo = Photos.Mixed(2)[1];
        var (without, with) = (new double[Rounds], new double[Rounds]);
        for (int i = -Warm; i < Rounds; i++)
        {
            double a = await TimeAsync(open), b = await TimeAsync(closed);
            if (i >= 0) (without[i], with[i]) = (a, b);
        }
        Array.Sort(without);
        Array.Sort(with);
        double median = without[Rounds / 2], overhead = with[Rounds / 2] - median;
        output.WriteLine($"median of {Rounds}: {median:0.0} ms, by TLS {median + overhead:0.0} ms; fastest: {without[0]:0.0} and "
            + $"{with[0]:0.0} ms");
        Directory.Delete(folder, recursive: true);
        Assert.True(overhead <= Math.Max(0.05 * median, 2), $"overhead {overhead:0.0} ms over {median:0.0} ms");

        async Task<double> TimeAsync(SpadeClient client)
        {
            long start = Stopwatch.GetTimestamp();
            await client.ScoreAsync("plate", photo);
            return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        }
    }
}
