using System.Runtime.InteropServices;
using Orleans.Concurrency;
using SpadeCluster.Cluster.Placement;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Neighbors;

namespace SpadeCluster.Cluster.Shards;

/// <summary>Adapts <see cref="GalleryShard"/>. Reentrant, because calls only read; searches run on the thread pool.</summary>
[Reentrant, OnSiloWith(SiloRole.Gallery)]
internal sealed class GalleryShardGrain(ShardCache shards) : Grain, IGalleryShardGrain
{
    private ShardKey Key => GrainKeys.ParseShard(this.GetPrimaryKeyString());

    public async Task OpenAsync(int version, CancellationToken cancellationToken)
    {
        using var lease = await shards.RentAsync(Key, version, cancellationToken);
        var shard = lease.Shard;
        await Task.Run(() => shard.OpenAsync(cancellationToken).AsTask(), cancellationToken);
    }

    public async Task<ShardNeighbours> NearestAsync(int version, byte[] pooled, int count, ImageId? exclude,
        int[]? tiles, CancellationToken cancellationToken)
    {
        using var lease = await shards.RentAsync(Key, version, cancellationToken);
        var (shard, query) = (lease.Shard, MemoryMarshal.Cast<byte, float>(pooled).ToArray());
        return ShardNeighbours.From(await Task.Run(() =>
            shard.NearestAsync(query, count, exclude, tiles, cancellationToken).AsTask(), cancellationToken));
    }

    public async Task<ShardMatches> MatchAsync(int version, FeaturePyramid query, ShardPicks picks, PixelSearchOptions options,
        CancellationToken cancellationToken)
    {
        using var lease = await shards.RentAsync(Key, version, cancellationToken);
        var shard = lease.Shard;
        return new ShardMatches(await Task.Run(() =>
            shard.MatchAsync(query, picks.ToPicks(), options, cancellationToken).AsTask(), cancellationToken));
    }

    public Task ForgetAsync() => shards.ForgetAsync(Key.Category);

    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        shards.Forget(Key);
        return Task.CompletedTask;
    }
}
