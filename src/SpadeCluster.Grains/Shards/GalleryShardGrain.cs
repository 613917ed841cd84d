using System.Runtime.InteropServices;
using Microsoft.Extensions.Options;
using Orleans.Concurrency;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Grains.Placement;
using SpadeCluster.Neighbors;

namespace SpadeCluster.Grains.Shards;

/// <summary>
/// Adapts <see cref="GalleryShard"/>. Reentrant: calls only read, and the searches run on the thread pool, off the grain's
/// scheduler. The last two versions stay loaded, so that a query under way when a version is published ends on its own.
/// </summary>
[Reentrant, OnSiloWith(SiloRole.Gallery)]
internal sealed class GalleryShardGrain(IGalleryStore store, ManifestCache manifests, IOptions<ClusterOptions> options) : Grain, IGalleryShardGrain
{
    private const int KeptVersions = 2;
    private readonly SortedDictionary<int, Task<LoadedShard>> _loaded = [];

    public async Task<ShardNeighbours> NearestAsync(int version, byte[] pooled, int count, ImageId? exclude, CancellationToken cancellationToken)
    {
        var (shard, _) = await OpenAsync(version).WaitAsync(cancellationToken);
        var query = MemoryMarshal.Cast<byte, float>(pooled).ToArray();
        return ShardNeighbours.From(await Task.Run(() => shard.NearestAsync(query, count, exclude, cancellationToken).AsTask(), cancellationToken));
    }

    public async Task<ShardMatches> MatchAsync(int version, FeaturePyramid query, ShardPicks picks, PixelSearchOptions options, CancellationToken cancellationToken)
    {
        var (shard, _) = await OpenAsync(version).WaitAsync(cancellationToken);
        return new ShardMatches(await Task.Run(() => shard.MatchAsync(query, picks.ToPicks(), options, cancellationToken).AsTask(), cancellationToken));
    }

    public Task LoadAsync(int version, CancellationToken cancellationToken) => OpenAsync(version).WaitAsync(cancellationToken);

    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        while (_loaded.Count > 0) Unload(_loaded.Keys.First());
        return Task.CompletedTask;
    }

    /// <summary>Loads a version once, however many calls wait for it. A caller that gives up does not stop the load.</summary>
    private Task<LoadedShard> OpenAsync(int version)
    {
        if (_loaded.TryGetValue(version, out var open) && !open.IsFaulted) return open;
        var (category, shard, count) = GrainKeys.ParseShard(this.GetPrimaryKeyString());
        while (_loaded.Count >= KeptVersions) Unload(_loaded.Keys.First());
        return _loaded[version] = Task.Run(async () =>
        {
            var manifest = await manifests.GetAsync(category, version);
            var pin = await store.PinAsync(category, version);
            var ids = manifest.Images.Select(i => i.Id).Where(id => ShardMap.ShardOf(id, count) == shard);
            try
            {
                return new LoadedShard(await GalleryShard.LoadAsync(store, manifest, ids, options.Value.ShardMemory), pin);
            }
            catch
            {
                pin.Dispose();
                throw;
            }
        });
    }

    private void Unload(int version)
    {
        _loaded.Remove(version, out var shard);
        // A load that failed has let go of its pin itself.
        shard!.ContinueWith(s => s.Result.Pin.Dispose(), CancellationToken.None, TaskContinuationOptions.OnlyOnRanToCompletion, TaskScheduler.Default);
    }
}
