using System.Diagnostics;
using SpadeCluster.Cli.Silo;
using SpadeCluster.Client;
using SpadeCluster.Cluster.Tests.Processes;
using SpadeCluster.Cluster.Tests.Support;
using SpadeCluster.Inference.BuiltIn;
using SpadeCluster.Scoring;
using Xunit.Abstractions;

namespace SpadeCluster.Cluster.Tests.Security;

/// <summary>What TLS between silos adds to an image: two clusters, measured in turns, in one run.</summary>
[Collection(Alone.Name)]
[Trait("Category", "Long")]
public sealed class TlsOverheadTests(ITestOutputHelper output)
{
    private const int Rounds = 100, Warm = 10;
    private static readonly (string Name, string Roles)[] Plan = [("gateway", "gateway,extractor"), ("gallery", "gallery")];

    [PostgresFact]
    public async Task Tls_adds_at_most_a_twentieth_or_two_milliseconds()
    {
        string folder = Directory.CreateTempSubdirectory("spade-ca-").FullName;
        using var authority = new ClusterAuthority("ours", TimeSpan.FromDays(1));
        foreach (var (name, _) in Plan) authority.Issue(Path.Combine(folder, name), name);
        await using var plain = await StartAsync(_ => null);
        await using var secure = await StartAsync(silo => Path.Combine(folder, silo));
        using SpadeClient open = plain.Client(), closed = secure.Client();
        foreach (var client in (SpadeClient[])[open, closed])
        {
            await client.AddNormalsAsync("plate", Photos.Normals(8), "tester");
            // Every image sends its pyramid from one silo to the other: the most that TLS has to do.
            await client.CalibrateAsync("plate", new ScoringOptions { GatePolicy = GatePolicy.Always, Alpha = 0.2 }, "tester");
        }
        var photo = Photos.Mixed(2)[1];
        var (without, with, ratio) = (new double[Rounds], new double[Rounds], new double[Rounds]);
        var (open0, closed0) = (0.0, 0.0);
        for (int i = -Warm; i < Rounds; i++)
        {
            if (i == 0) (open0, closed0) = (Processors(plain), Processors(secure));
            // Each goes first as often as the other.
            bool first = i % 2 == 0;
            double a = first ? await TimeAsync(open) : 0, b = await TimeAsync(closed);
            if (!first) a = await TimeAsync(open);
            if (i >= 0) (without[i], with[i], ratio[i]) = (a, b, b / a);
        }
        var (used, usedByTls) = ((Processors(plain) - open0) / Rounds, (Processors(secure) - closed0) / Rounds);
        foreach (double[] values in (double[][])[without, with, ratio]) Array.Sort(values);
        double median = without[Rounds / 2], overhead = median * (ratio[Rounds / 2] - 1);
        output.WriteLine($"{Rounds} pairs: median {median:0.0} ms without, {with[Rounds / 2]:0.0} ms with TLS; median ratio "
            + $"{ratio[Rounds / 2]:0.000}, quartiles {ratio[Rounds / 4]:0.000} and {ratio[Rounds * 3 / 4]:0.000}; processors' time of "
            + $"an image {used:0.0} and {usedByTls:0.0} ms, ratio {usedByTls / used:0.000}");
        Directory.Delete(folder, recursive: true);
        Assert.True(overhead <= Math.Max(0.05 * median, 2), $"overhead {overhead:0.0} ms over {median:0.0} ms");

        async Task<double> TimeAsync(SpadeClient client)
        {
            long start = Stopwatch.GetTimestamp();
            await client.ScoreAsync("plate", photo);
            return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        }
    }

    private static Task<RealSilos> StartAsync(Func<string, string?> tlsFolder) => RealSilos.StartAsync(Plan, own: silo =>
    {
        var settings = new Dictionary<string, string> { ["Spade:DefaultModel"] = BuiltInModels.ResNet18 };
        if (tlsFolder(silo) is { } folder) settings["Spade:TlsFolder"] = folder;
        return settings;
    });

    /// <summary>Milliseconds of processors that the silos have used.</summary>
    private static double Processors(RealSilos silos) => Plan.Sum(s =>
    {
        var process = silos.Process(s.Name);
        process.Refresh();
        return process.TotalProcessorTime.TotalMilliseconds;
    });
}
