using Microsoft.Extensions.DependencyInjection;
using Orleans;
using Orleans.Runtime;
using SpadeCluster.Cluster.Tests.Support;
using SpadeCluster.Galleries;
using SpadeCluster.Cluster;
using SpadeCluster.Scoring;

namespace SpadeCluster.Cluster.Tests.Scoring;

/// <summary>While a changed gallery has no thresholds yet, images are scored by the newest version that has some.</summary>
[Collection("silos")]
public sealed class ScoringVersionTests : IAsyncLifetime
{
    private static readonly ScoringOptions Options = new() { Alpha = 0.2 };
    private readonly IGalleryStore _store;
    private readonly WatchedStore _watched;

    public ScoringVersionTests() => _store = WatchedStore.Over(new InMemoryGalleryStore(), out _watched);

    /// <summary>Version 2, calibrated, of 8 images.</summary>
    public async Task InitializeAsync()
    {
        var galleries = new GalleryService(_store, new FakeEngines(new FakeExtractor()), "test", shards: 2);
        await galleries.AddAsync("plate", Photos.Normals(8));
        await galleries.CalibrateAsync("plate", Options);
    }

    public Task DisposeAsync() => Task.CompletedTask;

    [Fact]
    public async Task An_addition_counts_when_it_is_calibrated()
    {
        await using var silos = await TestSilos.StartAsync(_store, TestSilos.ThreeSilos);
        Assert.Equal((2, true), await VersionAsync(silos));
        await silos.Galleries.AddAsync("plate", Photos.Normals(10).Skip(8).ToList());
        await silos.Galleries.RetireAsync("plate", ["normal0.ppm"], "blurred");
        Assert.Equal(4, (await silos.Galleries.GetAsync("plate")).Version);
        // The same answer, to the bit, as from one process with the same rule; also from a coordinator that starts now.
        using var standalone = new ScoringService(_store, new FakeEngines(new FakeExtractor()));
        for (int start = 0; start < 2; start++)
        {
            Assert.Equal((2, true), await VersionAsync(silos));
            foreach (var photo in Photos.Mixed(4))
                SameBits.Assert(await standalone.ScoreAsync("plate", photo), await silos.Scoring.ScoreAsync("plate", photo));
            await ForgetAsync(silos);
        }
        await silos.Galleries.CalibrateAsync("plate", Options);
        Assert.Equal((5, true), await VersionAsync(silos));
    }

    [Fact]
    public async Task A_version_on_trial_scores_beside_the_deciding_one_with_its_own_bits()
    {
        await using var silos = await TestSilos.StartAsync(_store, TestSilos.ThreeSilos);
        var trial = silos.Gateway.GetRequiredService<IVersionScoring>();
        var photos = Photos.Mixed(4);
        var expected = new List<ScoredImage>();
        foreach (var photo in photos) expected.Add(await silos.Scoring.ScoreAsync("plate", photo));
        await silos.Galleries.AddAsync("plate", Photos.Normals(10).Skip(8).ToList());
        await silos.Galleries.CalibrateAsync("plate", Options);
        for (int i = 0; i < photos.Count; i++)
        {
            SameBits.Assert(expected[i], await trial.ScoreAsync("plate", 2, photos[i]));
            Assert.Equal(4, (await silos.Scoring.ScoreAsync("plate", photos[i])).Gallery.Version);
        }
        var gone = await Assert.ThrowsAsync<SpadeException>(() => trial.ScoreAsync("plate", 9, photos[0]).AsTask());
        Assert.Equal(SpadeError.NotFound, gone.Error);
    }

    [Fact]
    public async Task A_trial_never_decides_on_any_silo_until_it_is_published()
    {
        await using var silos = await TestSilos.StartAsync(_store, TestSilos.ThreeSilos);
        Assert.True((await silos.Galleries.BeginTrialAsync("plate", "batch 42")).Trial);
        await silos.Galleries.AddAsync("plate", Photos.Normals(10).Skip(8).ToList());
        Assert.True((await silos.Galleries.CalibrateAsync("plate", Options)).Trial);
        Assert.Equal(2, (await silos.Galleries.FindScoringVersionAsync("plate"))!.Version);
        // Also from a coordinator that starts now.
        for (int start = 0; start < 2; start++)
        {
            Assert.Equal((2, true), await VersionAsync(silos));
            await ForgetAsync(silos);
        }
        var tried = await silos.Gateway.GetRequiredService<IVersionScoring>().ScoreAsync("plate", 5, Photos.Mixed(1)[0]);
        Assert.Equal((5, 10), (tried.Gallery.Version, tried.Gallery.Images.Count));
        Assert.False((await silos.Galleries.PublishTrialAsync("plate", "tried")).Trial);
        Assert.Equal((6, true), await VersionAsync(silos));
    }

    [Fact]
    public async Task Without_any_thresholds_the_current_version_counts()
    {
        await using var silos = await TestSilos.StartAsync(_store, TestSilos.ThreeSilos);
        await silos.Galleries.AddAsync("bare", Photos.Normals(3));
        await silos.Galleries.AddAsync("bare", Photos.Normals(5));
        Assert.Equal((2, false), await VersionAsync(silos, "bare"));
    }

    [Fact]
    public async Task Compaction_spares_the_version_that_scores()
    {
        await using var silos = await TestSilos.StartAsync(_store, TestSilos.ThreeSilos);
        await silos.Galleries.AddAsync("plate", Photos.Normals(10).Skip(8).ToList());
        Assert.Equal((2, true), await VersionAsync(silos));
        var report = await silos.Galleries.CompactAsync("plate", new Retention(1));
        Assert.Equal([1], report.Dropped);

        // Without calls for a while the shards are deactivated, and their pins end.
        await ForgetAsync(silos);
        Assert.Empty((await silos.Galleries.CompactAsync("plate", new Retention(1))).Dropped);
        Assert.Equal((2, true), await VersionAsync(silos));
    }

    [Fact]
    public async Task A_version_that_scored_and_is_gone_all_the_same_is_no_failure()
    {
        await using var silos = await TestSilos.StartAsync(_store, TestSilos.ThreeSilos);
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        await silos.Galleries.AddAsync("plate", Photos.Normals(10).Skip(8).ToList());
        Assert.Equal((2, true), await VersionAsync(silos));
        Assert.Equal([2], (await _store.CompactAsync("plate", [1, 2])).InUse);
        Assert.Equal((2, true), await VersionAsync(silos));
        await ForgetAsync(silos);
        await _watched.WhenAsync(() => new(_watched.HeldOf(2) == 0), limit.Token);
        Assert.Equal([2], (await _store.CompactAsync("plate", [2])).Dropped);
        Assert.Equal((3, false), await VersionAsync(silos));
    }

    /// <summary>The version that scores an image, and whether it has a verdict.</summary>
    private static async Task<(int Version, bool HasVerdict)> VersionAsync(TestSilos silos, string category = "plate")
    {
        var scored = await silos.Scoring.ScoreAsync(category, Photos.Mixed(1)[0]);
        return (scored.Gallery.Version, scored.Result.Anomalous is not null);
    }

    /// <summary>Deactivates every idle grain.</summary>
    private static Task ForgetAsync(TestSilos silos) =>
        silos.Gateway.GetRequiredService<IGrainFactory>().GetGrain<IManagementGrain>(0).ForceActivationCollection(TimeSpan.Zero);
}
