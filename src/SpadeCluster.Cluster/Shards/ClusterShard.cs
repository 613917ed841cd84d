using System.Runtime.InteropServices;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Cluster.Placement;
using SpadeCluster.Cluster.Resilience;
using SpadeCluster.Neighbors;

namespace SpadeCluster.Cluster.Shards;

/// <summary>A shard in the cluster, as used by the coordinator.</summary>
internal sealed class ClusterShard(IGrainFactory grains, SiloCalls calls, HotCategories hot, string category, int version, int shard,
    int count) : IGalleryShard
{
    public async ValueTask OpenAsync(CancellationToken cancellationToken = default)
    {
        // One attempt: the search does what this call could not, and a silo of an earlier build does not know the call.
        var silo = ShardPlacement.Rank(category, shard, calls.With(SiloRole.Gallery))[0];
        await calls.OnAsync(silo.Address, async () =>
        {
            await Grain(silo).OpenAsync(version, cancellationToken);
            return true;
        });
    }

    public async ValueTask<IReadOnlyList<Neighbour>> NearestAsync(ReadOnlyMemory<float> pooled, int count, ImageId? exclude,
        IReadOnlyList<int>? tiles = null, CancellationToken cancellationToken = default)
    {
        byte[] query = MemoryMarshal.AsBytes(pooled.Span).ToArray();
        var answer = await CallAsync(async (g, silo) =>
        {
            calls.CountSent(silo, "pooled", query.Length);
            var nearest = await g.NearestAsync(version, query, count, exclude, tiles?.ToArray(), cancellationToken);
            calls.CountSent(silo, "neighbours", 12L * nearest.Ids.Length);
            return nearest;
        }, cancellationToken);
        return answer.ToNeighbours();
    }

    public async ValueTask<IReadOnlyList<PixelMatches>> MatchAsync(FeaturePyramid query, IReadOnlyList<GalleryPick> picks,
        PixelSearchOptions options, CancellationToken cancellationToken = default)
    {
        var answer = await CallAsync(async (g, silo) =>
        {
            calls.CountSent(silo, "pyramid", query.Shapes.Sum(s => 2L * s.Length));
            var found = await g.MatchAsync(version, query, ShardPicks.From(picks), options, cancellationToken);
            calls.CountSent(silo, "matches", found.Maps.Sum(m => 12L * m.Distances.Length));
            return found;
        }, cancellationToken);
        return answer.Maps;
    }

    private async Task<T> CallAsync<T>(Func<IGalleryShardGrain, SiloAddress, Task<T>> call, CancellationToken cancellationToken)
    {
        using var inFlight = hot.Begin(category, count);
        int replicas = inFlight.Replicas, start = Random.Shared.Next(replicas);
        return await calls.CallAsync(SiloRole.Gallery, (silos, attempt) =>
        {
            var ranked = ShardPlacement.Rank(category, shard, silos);
            // Any replica can answer; repeated attempts use the next one.
            var silo = ranked[(start + attempt) % Math.Min(replicas, ranked.Count)];
            return calls.OnAsync(silo.Address, () => call(Grain(silo), silo.Address));
        }, cancellationToken);
    }

    private IGalleryShardGrain Grain(KnownSilo silo)
        => grains.GetGrain<IGalleryShardGrain>(GrainKeys.Shard(category, shard, count, silo.Name));
}
