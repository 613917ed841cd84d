using System.Runtime.InteropServices;
using Microsoft.Extensions.DependencyInjection;
using Orleans;
using SpadeCluster.Cluster.Tests.Support;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Cluster.Placement;
using SpadeCluster.Cluster.Resilience;
using SpadeCluster.Cluster.Shards;
using SpadeCluster.Neighbors;

namespace SpadeCluster.Cluster.Tests.Shards;

/// <summary>A version that is dropped while it is searched: the search ends well, and then its memory is free.</summary>
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
        var shard = await GalleryShard.LoadAsync(_store, manifest, manifest.Images.Select(i => i.Id));
        var pin = await _store.PinAsync("plate", 1);
        var loaded = new LoadedShard(1, () => Task.FromResult((shard, pin)));
        Hold();
        loaded.TryShare();
        var search = SearchAsync();
        await _reached.WaitAsync(_limit.Token);

        loaded.Dispose();
        Assert.True(loaded.TryShare());
        Assert.Equal(1, _watched.HeldOf(1));
        Assert.NotEmpty(await shard.NearestAsync(new float[manifest.Model.PooledLength], 3, null));
        loaded.Dispose();
        _open.SetResult();
        Assert.Equal(expected.Distances, (await search)[0].Distances);
        await _watched.WhenAsync(() => new(_watched.HeldOf(1) == 0), _limit.Token);
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await shard.NearestAsync(new float[manifest.Model.PooledLength], 3, null));
        Assert.False(loaded.TryShare());

        async Task<IReadOnlyList<PixelMatches>> SearchAsync()
        {
            using (loaded) return await (await loaded.ShardAsync(default)).MatchAsync(query, picks, new PixelSearchOptions());
        }
    }

    [Fact]
    public async Task A_shard_dropped_while_it_loads_is_freed_when_it_is_loaded()
    {
        var manifest = await BuildAsync();
        var shard = await GalleryShard.LoadAsync(_store, manifest, manifest.Images.Select(i => i.Id));
        var pin = await _store.PinAsync("plate", 1);
        var loaded = new LoadedShard(1, async () =>
        {
            await _open.Task;
            return (shard, pin);
        });
        loaded.Dispose();
        Assert.Equal(1, _watched.HeldOf(1));
        _open.SetResult();
        await _watched.WhenAsync(() => new(_watched.HeldOf(1) == 0), _limit.Token);
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await shard.NearestAsync(new float[manifest.Model.PooledLength], 3, null));
    }

    [Fact]
    public async Task A_query_on_a_version_that_makes_room_for_others_gets_its_answer()
    {
        var manifest = await BuildAsync();
        var (query, picks, expected) = await ExpectedAsync(manifest);
        for (int version = 2; version <= 4; version++) await _store.PublishAsync(manifest with { Version = version });
        await using var silos = await TestSilos.StartAsync(_store, TestSilos.ThreeSilos);
        var silo = silos.Gateway.GetRequiredService<ISiloDirectory>().With(SiloRole.Gallery)[0];
        var grain = silos.Gateway.GetRequiredService<IGrainFactory>().GetGrain<IGalleryShardGrain>(GrainKeys.Shard("plate", 0, 1, silo.Name));
        // Repeated, as by every caller: a silo that has just started may not know the others' roles yet.
        await silos.Gateway.GetRequiredService<SiloCalls>().CallAsync(SiloRole.Gallery, async (_, _) =>
        {
            await grain.LoadAsync(1, _limit.Token);
            return true;
        }, _limit.Token);
        Hold();
        var search = grain.MatchAsync(1, query, ShardPicks.From(picks), new PixelSearchOptions(), default);
        // A call that failed would never get there.
        await Task.WhenAny(search, _reached.WaitAsync(_limit.Token)).Unwrap();

        await grain.LoadAsync(2, default);
        byte[] pooled = MemoryMarshal.AsBytes<float>(new float[manifest.Model.PooledLength]).ToArray();
        // Used last, so it stays when there is no room for three; version 1 is dropped, and only the search still has it.
        await grain.NearestAsync(2, pooled, 3, null, default);
        await grain.LoadAsync(3, default);
        Assert.Equal((1, 1, 1), (_watched.HeldOf(1), _watched.HeldOf(2), _watched.HeldOf(3)));
        _open.SetResult();
        Assert.Equal(expected.Distances, (await search).Maps[0].Distances);
        await _watched.WhenAsync(() => new(_watched.HeldOf(1) == 0), _limit.Token);

        // What is in use stays, though it is the oldest.
        await grain.NearestAsync(2, pooled, 3, null, default);
        await grain.LoadAsync(4, default);
        await _watched.WhenAsync(() => new(_watched.HeldOf(3) == 0), _limit.Token);
        Assert.Equal((1, 1, 1), (_watched.PinsOf(2), _watched.HeldOf(2), _watched.HeldOf(4)));
    }

    /// <summary>From now on, whoever reads a pyramid waits.</summary>
    private void Hold() => _watched.Gate = () =>
    {
        _reached.Release();
        return _open.Task;
    };

    private async Task<GalleryManifest> BuildAsync()
        => (await new GalleryService(_store, new FakeEngines(new FakeExtractor()), "test").AddAsync("plate", Photos.Normals(6)))!;

    /// <summary>A query, and what a shard of its own answers.</summary>
    private async Task<(FeaturePyramid Query, GalleryPick[] Picks, PixelMatches Expected)> ExpectedAsync(GalleryManifest manifest)
    {
        var ids = manifest.Images.Select(i => i.Id).ToArray();
        var query = await _store.ReadPyramidAsync("plate", ids[0], manifest.Model);
        GalleryPick[] picks = [.. ids.Skip(1).Select((id, i) => new GalleryPick(i, id))];
        using var shard = await GalleryShard.LoadAsync(_store, manifest, ids);
        return (query, picks, (await shard.MatchAsync(query, picks, new PixelSearchOptions()))[0]);
    }
}
