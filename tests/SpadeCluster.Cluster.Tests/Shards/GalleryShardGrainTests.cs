using System.Runtime.InteropServices;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Orleans;
using SpadeCluster.Cluster.Tests.Support;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Cluster;
using SpadeCluster.Cluster.Placement;
using SpadeCluster.Cluster.Resilience;
using SpadeCluster.Cluster.Shards;
using SpadeCluster.Neighbors;

namespace SpadeCluster.Cluster.Tests.Shards;

/// <summary>A version that is dropped while it is searched: the search completes, and then its memory is freed.</summary>
[Collection("silos")]
public sealed class GalleryShardGrainTests : IDisposable
{
    private readonly CancellationTokenSource _limit = new(TimeSpan.FromSeconds(60));
    private readonly IGalleryStore _store;
    private readonly WatchedStore _watched;
    private readonly SemaphoreSlim _reached = new(0);
    private readonly TaskCompletionSource _open = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public GalleryShardGrainTests() => _store = WatchedStore.Over(new InMemoryGalleryStore(), out _watched);

    public void Dispose() => _limit.Dispose();

    [Fact]
    public async Task The_last_search_on_a_dropped_shard_frees_it()
    {
        var manifest = await BuildAsync();
        var (query, picks, expected) = await ExpectedAsync(manifest);
        var (cache, key) = (Cache(), new ShardKey("plate", 0, 1));
        Hold();
        var lease = await cache.RentAsync(key, 1, default);
        var shard = lease.Shard;
        var search = SearchAsync();
        await _reached.WaitAsync(_limit.Token);

        cache.Forget(key);
        Assert.False(cache.Holds("plate"));
        Assert.Equal(1, _watched.HeldOf(1));
        Assert.NotEmpty(await shard.NearestAsync(new float[manifest.Model.PooledLength], 3, null));
        _open.SetResult();
        Assert.Equal(expected.Distances, (await search)[0].Distances);
        await _watched.WhenAsync(() => new(_watched.HeldOf(1) == 0), _limit.Token);
        await Assert.ThrowsAsync<ObjectDisposedException>(async () =>
            await shard.NearestAsync(new float[manifest.Model.PooledLength], 3, null));

        async Task<IReadOnlyList<PixelMatches>> SearchAsync()
        {
            using (lease) return await shard.MatchAsync(query, picks, new PixelSearchOptions());
        }
    }

    [Fact]
    public async Task A_budget_for_one_closes_the_other_waits_for_one_in_use_and_refuses_what_it_can_never_hold()
    {
        var manifest = await BuildAsync();
        var other = (await new GalleryService(_store, new FakeEngines(new FakeExtractor()), "test").AddAsync("other", Photos.Normals(6)))!;
        long one = GalleryShard.MemoryFor(manifest, 6, long.MaxValue, long.MaxValue);
        var cache = Cache(o => o.Memory = one + one / 2);
        var (first, second) = (new ShardKey("plate", 0, 1), new ShardKey("other", 0, 1));
        (await cache.RentAsync(first, 1, default)).Dispose();
        (await cache.RentAsync(second, other.Version, default)).Dispose();
        Assert.Equal((false, true), (cache.Holds("plate"), cache.Holds("other")));

        var used = await cache.RentAsync(first, 1, _limit.Token);
        Assert.Equal(new GalleryMemory(1, one, 3), cache.State);
        var waits = cache.RentAsync(second, other.Version, _limit.Token).AsTask();
        using var stop = new CancellationTokenSource();
        var givesUp = cache.RentAsync(second, other.Version, stop.Token).AsTask();
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => givesUp);
        Assert.False(waits.IsCompleted);
        used.Dispose();
        (await waits).Dispose();
        Assert.Equal(new GalleryMemory(1, one, 4), cache.State);

        var refused = await Assert.ThrowsAsync<SpadeException>(async () => await Cache(o => o.Memory = 1).RentAsync(first, 1, default));
        Assert.Contains("allow more", refused.Message);
        var gone = await Assert.ThrowsAsync<VersionGoneException>(async () => await cache.RentAsync(first, 7, default));
        Assert.Contains("version 7", gone.Message);
    }

    [Fact]
    public async Task A_query_on_a_version_that_makes_room_for_others_gets_its_answer()
    {
        var manifest = await BuildAsync();
        var (query, picks, expected) = await ExpectedAsync(manifest);
        for (int version = 2; version <= 5; version++) await _store.PublishAsync(manifest with { Version = version });
        await using var silos = await TestSilos.StartAsync(_store, TestSilos.ThreeSilos);
        var silo = silos.Gateway.GetRequiredService<ISiloDirectory>().With(SiloRole.Gallery)[0];
        var grain = silos.Gateway.GetRequiredService<IGrainFactory>()
            .GetGrain<IGalleryShardGrain>(GrainKeys.Shard("plate", 0, 1, silo.Name));
        byte[] pooled = MemoryMarshal.AsBytes<float>(new float[manifest.Model.PooledLength]).ToArray();
        // Repeated, as all callers do: a silo that has just started may not know the others' roles yet.
        await silos.Gateway.GetRequiredService<SiloCalls>().CallAsync(SiloRole.Gallery, async (_, _) =>
        {
            await grain.NearestAsync(1, pooled, 1, null, null, _limit.Token);
            return true;
        }, _limit.Token);
        Hold();
        var search = grain.MatchAsync(1, query, ShardPicks.From(picks), new PixelSearchOptions(), default);
        // A failed call would not reach this point.
        await Task.WhenAny(search, _reached.WaitAsync(_limit.Token)).Unwrap();

        await grain.NearestAsync(2, pooled, 1, null, null, default);
        await grain.NearestAsync(3, pooled, 1, null, null, default);
        // Used last, so it stays when four versions do not fit; version 1 is dropped, and only the search still uses it.
        await grain.NearestAsync(2, pooled, 3, null, null, default);
        await grain.NearestAsync(4, pooled, 1, null, null, default);
        Assert.Equal((1, 1, 1, 1), (_watched.HeldOf(1), _watched.HeldOf(2), _watched.HeldOf(3), _watched.HeldOf(4)));
        _open.SetResult();
        Assert.Equal(expected.Distances, (await search).Maps[0].Distances);
        await _watched.WhenAsync(() => new(_watched.HeldOf(1) == 0), _limit.Token);

        // The version in use stays, although it is the oldest.
        await grain.NearestAsync(2, pooled, 3, null, null, default);
        await grain.NearestAsync(5, pooled, 1, null, null, default);
        await _watched.WhenAsync(() => new(_watched.HeldOf(3) == 0), _limit.Token);
        Assert.Equal((1, 1, 1, 1), (_watched.PinsOf(2), _watched.HeldOf(2), _watched.HeldOf(4), _watched.HeldOf(5)));
    }

    [Fact]
    public async Task A_versions_shards_open_and_prepare_their_searches_while_its_first_image_is_decoded()
    {
        var manifest = await BuildAsync();
        await using var silos = await TestSilos.StartAsync(_store, TestSilos.ThreeSilos);
        // A silo that has just started may not know the others' roles yet. Other calls are repeated, but not the opening ahead.
        var (grains, calls) = (silos.Gateway.GetRequiredService<IGrainFactory>(), silos.Gateway.GetRequiredService<SiloCalls>());
        foreach (var silo in silos.Gateway.GetRequiredService<ISiloDirectory>().With(SiloRole.Gallery))
            await calls.CallAsync(SiloRole.Gallery, async (_, _) =>
            {
                await grains.GetGrain<IGalleryShardGrain>(GrainKeys.Shard("plate", 0, manifest.Shards, silo.Name)).ForgetAsync();
                return true;
            }, _limit.Token);
        Hold();
        // An image that cannot be decoded never reaches a search, so only the opening ahead of it can reach the store's pyramids.
        var refused = await Assert.ThrowsAsync<SpadeException>(async () =>
            await silos.Scoring.ScoreAsync("plate", new ImageSource("no.jpg", [1, 2, 3]), _limit.Token));
        Assert.Equal(SpadeError.InvalidArgument, refused.Error);
        await _reached.WaitAsync(_limit.Token);
        Assert.Equal(manifest.Shards, _watched.HeldOf(manifest.Version));
        _open.SetResult();
        var score = await silos.Scoring.ScoreAsync("plate", Photos.Mixed(1)[0], _limit.Token);
        Assert.NotNull(score.Result.Map);
        Assert.Equal(manifest.Shards, _watched.PinsOf(manifest.Version));
    }

    private ShardCache Cache(Action<GalleryOptions>? configure = null)
    {
        var options = new GalleryOptions();
        configure?.Invoke(options);
        return new ShardCache(_store, new ManifestCache(_store.ReadVersionAsync, TimeProvider.System), Options.Create(options));
    }

    /// <summary>From now on, reading a pyramid waits.</summary>
    private void Hold() => _watched.Gate = () =>
    {
        _reached.Release();
        return _open.Task;
    };

    private async Task<GalleryManifest> BuildAsync()
        => (await new GalleryService(_store, new FakeEngines(new FakeExtractor()), "test").AddAsync("plate", Photos.Normals(6)))!;

    /// <summary>A query, and the answer of a separate shard.</summary>
    private async Task<(FeaturePyramid Query, GalleryPick[] Picks, PixelMatches Expected)> ExpectedAsync(GalleryManifest manifest)
    {
        var ids = manifest.Images.Select(i => i.Id).ToArray();
        var query = await _store.ReadPyramidAsync("plate", ids[0], manifest.Model);
        GalleryPick[] picks = [.. ids.Skip(1).Select((id, i) => new GalleryPick(i, id))];
        using var shard = await GalleryShard.LoadAsync(_store, manifest, ids);
        return (query, picks, (await shard.MatchAsync(query, picks, new PixelSearchOptions()))[0]);
    }
}
