using SpadeCluster.Client;
using SpadeCluster.Cluster.Tests.Support;
using SpadeCluster.Galleries;
using SpadeCluster.Scoring;
using Xunit.Abstractions;

namespace SpadeCluster.Cluster.Tests.Processes;

/// <summary>The silos of another build are replaced by those of this one, one by one, under load.</summary>
[Trait("Category", "Long")]
[Collection(Alone.Name)]
public sealed class UpgradeTests(ITestOutputHelper output)
{
    private static readonly string[] Names = ["gateway-1", "gateway-2", "gallery-1", "gallery-2", "extractor"];

    [PreviousBuildFact]
    public async Task Silos_of_the_build_before_are_replaced_one_by_one_under_load()
    {
        string previous = PreviousBuildFactAttribute.Program!;
        Assert.False(SameBuild(previous, RealSilos.Program), $"{previous} is this build: give the folder of another one");
        await using var silos = await RealSilos.StartAsync([.. Names.Select(n => (n, n.Split('-')[0]))],
            new() { ["Spade:Cluster:Shards"] = "3", ["Spade:Cluster:Replicas"] = "2" }, program: previous);
        using var client = silos.Client();
        var photos = Photos.Mixed(6);
        await client.AddNormalsAsync("plate", Photos.Normals(8), "tester");
        await client.CalibrateAsync("plate", null, "tester");
        // This build reads what the other one wrote.
        using var engines = new StandaloneEngines();
        using var alone = new ScoringService(silos.Store, engines);
        var expected = new List<ImageScore>();
        foreach (var photo in photos) expected.Add(ImageScore.Of(await alone.ScoreAsync("plate", photo)));

        using var stop = new CancellationTokenSource();
        using var answers = new SemaphoreSlim(0);
        int answered = 0, added = 0;
        var load = Task.WhenAll(Enumerable.Range(0, 2).Select(_ => Task.Run(async () =>
        {
            for (int i = 0; !stop.IsCancellationRequested; i = (i + 1) % photos.Count)
            {
                SameScores.Assert(expected[i], await client.ScoreAsync("plate", photos[i]));
                Interlocked.Increment(ref answered);
                answers.Release();
            }
        })));
        var normals = Photos.Normals(200);
        var writing = Task.Run(async () =>
        {
            for (; !stop.IsCancellationRequested && added < normals.Count; added++)
            {
                var gallery = await client.AddNormalsAsync("growing", [normals[added]], "tester");
                Assert.Equal(added + 1, gallery!.ImageCount);
            }
        });
        await MoreAsync(20);

        silos.Installed = RealSilos.Program;
        foreach (string name in Names)
        {
            int before = Volatile.Read(ref answered);
            await silos.StopAsync(name);
            await silos.StartAgainAsync(name);
            await MoreAsync(20);
            output.WriteLine($"{name} replaced: {Volatile.Read(ref answered) - before} answers in the meantime, 0 failures");
        }
        await stop.CancelAsync();
        await Task.WhenAll(load, writing);

        // What both builds wrote together, and what the new one adds to the old one's gallery.
        var service = new GalleryService(silos.Store, engines, "tester");
        Assert.True(added >= Names.Length, $"only {added} normals were added in the whole time");
        Assert.Equal(added, (await service.GetAsync("growing")).Images.Count);
        Assert.Empty(await service.VerifyAsync("growing"));
        Assert.Empty(await service.VerifyAsync("plate"));
        Assert.Equal(9, (await client.AddNormalsAsync("plate", [normals[^1]], "tester"))!.ImageCount);
        output.WriteLine($"{answered} answers equal to those of one process, {added} normals added, 0 failures");

        async Task MoreAsync(int count)
        {
            while (answers.Wait(0)) { }
            for (int i = 0; i < count; i++)
            {
                var next = answers.WaitAsync(TimeSpan.FromMinutes(1));
                var first = await Task.WhenAny(next, load, writing);
                if (first != next && !first.IsCompletedSuccessfully) await first;
                Assert.True(await next, "no further image was answered within a minute");
            }
        }
    }

    private static bool SameBuild(string one, string two) => new[] { "spade.dll", "SpadeCluster.Cluster.dll" }.All(file =>
        File.ReadAllBytes(Path.Combine(Path.GetDirectoryName(one)!, file)).AsSpan()
            .SequenceEqual(File.ReadAllBytes(Path.Combine(Path.GetDirectoryName(two)!, file))));
}

/// <summary>A test with an earlier build; skipped, by name, without one.</summary>
internal sealed class PreviousBuildFactAttribute : FactAttribute
{
    public const string Variable = "SPADE_PREVIOUS_BUILD";

    public PreviousBuildFactAttribute()
    {
        if (Cli.Commands.Cluster.PrivatePostgres.BinFolder is null) Skip = "needs PostgreSQL (initdb, pg_ctl), which is not installed";
        else if (Program is null) Skip = $"needs the folder of an earlier build's published program in {Variable}";
        else if (!File.Exists(Program)) Skip = $"{Variable} names a folder without spade.dll";
    }

    /// <summary>The earlier build's spade.dll.</summary>
    public static string? Program => Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } folder
        ? Path.Combine(Path.GetFullPath(folder), "spade.dll") : null;
}
