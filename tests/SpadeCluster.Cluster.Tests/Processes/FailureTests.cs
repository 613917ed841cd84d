using System.Diagnostics;
using SpadeCluster.Cli.Silo;
using SpadeCluster.Cluster.Tests.Support;
using SpadeCluster.Galleries;
using SpadeCluster.Scoring;
using Xunit.Abstractions;

namespace SpadeCluster.Cluster.Tests.Processes;

/// <summary>Silos that talk by mutual TLS are killed and restarted under load; a retrying client sees no wrong and no missing
/// answer.</summary>
[Trait("Category", "Long")]
public sealed class FailureTests(FailureTests.Fixture fixture, ITestOutputHelper output) : IClassFixture<FailureTests.Fixture>
{
    private const int Requests = 300;

    [PostgresFact]
    public Task A_gallery_silo_is_killed_under_a_stream() => KillUnderStreamAsync("gallery-1");

    [PostgresFact]
    public Task The_extractor_silo_is_killed_under_a_stream() => KillUnderStreamAsync("extractor");

    [PostgresFact]
    public Task The_gateway_that_coordinates_is_killed_under_a_stream() => KillUnderStreamAsync("gateway-1");

    [PostgresFact]
    public async Task Every_silo_is_restarted_one_by_one_under_load()
    {
        using var client = fixture.Silos.Client();
        using var stop = new CancellationTokenSource();
        int answered = 0;
        var load = Task.Run(async () =>
        {
            for (int i = 0; !stop.IsCancellationRequested; i = (i + 1) % fixture.Photos.Count, answered++)
                SameScores.Assert(fixture.Expected[i], await client.ScoreAsync("plate", fixture.Photos[i]));
        });
        foreach (string name in fixture.Names)
        {
            int before = Volatile.Read(ref answered);
            await fixture.Silos.StopAsync(name);
            await fixture.Silos.StartAgainAsync(name);
            // The load goes on with the restarted silo before the next one stops.
            while (Volatile.Read(ref answered) < before + 3 && !load.IsCompleted) await Task.Yield();
        }
        await stop.CancelAsync();
        await load;
        output.WriteLine($"{fixture.Names.Count} silos restarted one by one: {answered} requests, 0 failures");
    }

    [PostgresFact]
    public async Task A_silo_is_killed_while_normals_are_added()
    {
        string category = "added-" + Guid.NewGuid().ToString("N")[..8];
        using var client = fixture.Silos.Client();
        var normals = Photos.Normals(24);
        var acknowledged = new List<ImageId>();
        foreach (string victim in new[] { "gateway-1", "extractor", "gallery-1" })
        {
            var batch = normals.Skip(acknowledged.Count).Take(8).ToList();
            var killed = new TaskCompletionSource();
            int seen = 0;
            var adding = client.AddNormalsAsync(category, batch, "tester", new Each<AddOutcome>(o =>
            {
                Assert.NotEqual(AddStatus.Failed, o.Status);
                lock (acknowledged) acknowledged.Add(o.Id!.Value);
                if (++seen == 3) killed.SetResult();
            }));
            await killed.Task.WaitAsync(TimeSpan.FromSeconds(60));
            await fixture.Silos.KillAsync(victim);
            await fixture.Silos.StartAgainAsync(victim);
            var gallery = await adding;
            Assert.Equal(acknowledged.Count, gallery!.ImageCount);
        }
        var (store, versions) = (fixture.Silos.Store, await fixture.Silos.Store.ListVersionsAsync(category));
        var service = new GalleryService(store, fixture.Engines, "tester");
        Assert.Empty(await service.VerifyAsync(category));
        var current = await service.GetAsync(category);
        Assert.Equal(acknowledged.Order(), current.Images.Select(i => i.Id));
        Assert.Equal(Enumerable.Range(1, versions.Count), versions);
        output.WriteLine($"3 silos killed while adding: {acknowledged.Count} acknowledged images, all there; versions "
            + $"{string.Join(", ", versions)}, all verified");
    }

    private async Task KillUnderStreamAsync(string victim)
    {
        using var client = fixture.Silos.Client();
        var photos = Enumerable.Range(0, Requests).Select(i => fixture.Photos[i % fixture.Photos.Count]).ToList();
        int answered = 0, wrong = 0;
        Task again = Task.CompletedTask;
        long killed = 0, last = Stopwatch.GetTimestamp();
        double longest = 0;
        await foreach (var score in client.ScoreStreamAsync("plate", photos))
        {
            if (killed != 0) longest = Math.Max(longest, Stopwatch.GetElapsedTime(last).TotalSeconds);
            last = Stopwatch.GetTimestamp();
            Assert.Equal(answered, score.Index);
            Assert.True(score.Error is null, score.Error?.Message);
            if (SameScores.Text(score.Score!) != SameScores.Text(fixture.Expected[answered % fixture.Photos.Count])) wrong++;
            if (++answered == Requests / 3)
            {
                await fixture.Silos.KillAsync(victim);
                killed = last = Stopwatch.GetTimestamp();
                // As an orchestrator does with a dead silo.
                again = fixture.Silos.StartAgainAsync(victim);
            }
        }
        await again;
        Assert.Equal(Requests, answered);
        Assert.Equal(0, wrong);
        output.WriteLine($"{victim} killed under a stream of {Requests}: 0 wrong, 0 lost; longest wait for an answer after the kill "
            + $"{longest:0.0} s");
    }

    private sealed class Each<T>(Action<T> action) : IProgress<T>
    {
        public void Report(T value) => action(value);
    }

    public sealed class Fixture : IAsyncLifetime
    {
        private readonly string _certificates = Directory.CreateTempSubdirectory("spade-ca-").FullName;

        internal RealSilos Silos { get; private set; } = null!;
        internal StandaloneEngines Engines { get; } = new();
        public IReadOnlyList<string> Names { get; } = ["gateway-1", "gateway-2", "gallery-1", "gallery-2", "extractor"];
        public IReadOnlyList<ImageSource> Photos { get; } = Support.Photos.Mixed(6);
        public IReadOnlyList<ImageScore> Expected { get; private set; } = [];

        public async Task InitializeAsync()
        {
            if (Cli.Commands.Cluster.PrivatePostgres.BinFolder is null) return;
            using var authority = new ClusterAuthority("ours", TimeSpan.FromDays(1));
            foreach (string name in Names) authority.Issue(Path.Combine(_certificates, name), name);
            Silos = await RealSilos.StartAsync([.. Names.Select(n => (n, n.Split('-')[0]))], new() { ["Spade:Cluster:Shards"] = "3" },
                silo => new() { ["Spade:TlsFolder"] = Path.Combine(_certificates, silo) });
            using var client = Silos.Client();
            await client.AddNormalsAsync("plate", Support.Photos.Normals(8), "tester");
            await client.CalibrateAsync("plate", null, "tester");
            using var standalone = new ScoringService(Silos.Store, Engines);
            var expected = new List<ImageScore>();
            foreach (var photo in Photos) expected.Add(ImageScore.Of(await standalone.ScoreAsync("plate", photo)));
            Expected = expected;
        }

        public async Task DisposeAsync()
        {
            if (Silos is not null) await Silos.DisposeAsync();
            Engines.Dispose();
            Directory.Delete(_certificates, recursive: true);
        }
    }
}
