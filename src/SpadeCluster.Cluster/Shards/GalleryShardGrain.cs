using System.Runtime.InteropServices;
using Microsoft.Extensions.Options;
using Orleans.Concurrency;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Cluster.Placement;
using SpadeCluster.Neighbors;

namespace SpadeCluster.Cluster.Shards;

/// <summary>
/// Adapts <see cref="GalleryShard"/>. Reentrant: calls only read, and the searches run on the thread pool, off the grain's
/// scheduler. The two versions used last stay loaded: the one that images are judged by, and the next one while its thresholds
/// are learnt; or the one before, so that a query under way when a version is published ends on its own.
/// </summary>
[Reentrant, OnSiloWith(SiloRole.Gallery)]
internal sealed class GalleryShardGrain(IGalleryStore store, ManifestCache manifests, IOptions<ClusterOptions> options) : Grain, IGalleryShardGrain
{
    private const int KeptVersions = 2;

    /// <summary>By use, the last one last. Touched on the grain's scheduler only.</summary>
    private readonly List<LoadedShard> _loaded = [];

    public async Task<ShardNeighbours> NearestAsync(int version, byte[] pooled, int count, ImageId? exclude, CancellationToken cancellationToken)
    {
        using var loaded = Open(version);
        var shard = await loaded.ShardAsync(cancellationToken);
        var query = MemoryMarshal.Cast<byte, float>(pooled).ToArray();
        return ShardNeighbours.From(await Task.Run(() => shard.NearestAsync(query, count, exclude, cancellationToken).AsTask(), cancellationToken));
    }

    public async Task<ShardMatches> MatchAsync(int version, FeaturePyramid query, ShardPicks picks, PixelSearchOptions options, CancellationToken cancellationToken)
    {
        using var loaded = Open(version);
        var shard = await loaded.ShardAsync(cancellationToken);
        return new ShardMatches(await Task.Run(() => shard.MatchAsync(query, picks.ToPicks(), options, cancellationToken).AsTask(), cancellationToken));
    }

    public async Task LoadAsync(int version, CancellationToken cancellationToken)
    {
        using var loaded = Open(version);
        await loaded.ShardAsync(cancellationToken);
    }

    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        while (_loaded.Count > 0) Drop(_loaded[0]);
        return Task.CompletedTask;
    }

    /// <summary>A version's shard, shared with the caller, who disposes it. Loaded once, however many calls wait for it.</summary>
    private LoadedShard Open(int version)
    {
        var shard = _loaded.Find(s => s.Version == version);
        if (shard is { HasFailed: true })
        {
            Drop(shard);
            shard = null;
        }
        if (shard is null)
        {
            // Before the new one takes its memory.
            while (_loaded.Count >= KeptVersions) Drop(_loaded[0]);
            shard = new LoadedShard(version, () => ReadAsync(this.GetPrimaryKeyString(), version));
        }
        else
        {
            _loaded.Remove(shard);
        }
        _loaded.Add(shard);
        shard.TryShare();
        return shard;
    }

    private void Drop(LoadedShard shard)
    {
        _loaded.Remove(shard);
        shard.Dispose();
    }

    private async Task<(GalleryShard Shard, IDisposable Pin)> ReadAsync(string key, int version)
    {
        var (category, shard, count) = GrainKeys.ParseShard(key);
        var pin = await PinAsync(category, version);
        try
        {
            var manifest = await manifests.GetAsync(category, version);
            var ids = manifest.Images.Select(i => i.Id).Where(id => ShardMap.ShardOf(id, count) == shard);
            return (await GalleryShard.LoadAsync(store, manifest, ids, options.Value.ShardMemory), pin);
        }
        catch
        {
            pin.Dispose();
            throw;
        }
    }

    private async Task<IDisposable> PinAsync(string category, int version)
    {
        try
        {
            return await store.PinAsync(category, version);
        }
        catch (SpadeException e) when (e.Error == SpadeError.NotFound)
        {
            throw new VersionGoneException(category, version);
        }
    }
}
