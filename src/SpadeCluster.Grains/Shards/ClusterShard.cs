using System.Runtime.InteropServices;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Grains.Placement;
using SpadeCluster.Grains.Resilience;
using SpadeCluster.Grains.Telemetry;
using SpadeCluster.Neighbors;

namespace SpadeCluster.Grains.Shards;

/// <summary>A shard somewhere in the cluster, as the coordinator sees it.</summary>
internal sealed class ClusterShard(IGrainFactory grains, SiloCalls calls, int replicas, string category, int version, int shard, int count) : IGalleryShard
{
    public async ValueTask<IReadOnlyList<Neighbour>> NearestAsync(ReadOnlyMemory<float> pooled, int count, ImageId? exclude, CancellationToken cancellationToken = default)
    {
        byte[] query = MemoryMarshal.AsBytes(pooled.Span).ToArray();
        var answer = await CallAsync(g =>
        {
            SpadeMeter.CountSent("pooled", query.Length);
            return g.NearestAsync(version, query, count, exclude, cancellationToken);
        }, cancellationToken);
        SpadeMeter.CountSent("neighbours", 12L * answer.Ids.Length);
        return answer.ToNeighbours();
    }

    public async ValueTask<IReadOnlyList<PixelMatches>> MatchAsync(FeaturePyramid query, IReadOnlyList<GalleryPick> picks, PixelSearchOptions options, CancellationToken cancellationToken = default)
    {
        var answer = await CallAsync(g =>
        {
            SpadeMeter.CountSent("pyramid", query.Shapes.Sum(s => 2L * s.Length));
            return g.MatchAsync(version, query, ShardPicks.From(picks), options, cancellationToken);
        }, cancellationToken);
        SpadeMeter.CountSent("matches", answer.Maps.Sum(m => 12L * m.Distances.Length));
        return answer.Maps;
    }

    public Task LoadAsync(CancellationToken cancellationToken = default) => CallAsync(async g =>
    {
        await g.LoadAsync(version, cancellationToken);
        return true;
    }, cancellationToken);

    private Task<T> CallAsync<T>(Func<IGalleryShardGrain, Task<T>> call, CancellationToken cancellationToken)
    {
        int start = Random.Shared.Next(replicas);
        return calls.CallAsync(SiloRole.Gallery, (silos, attempt) =>
        {
            var ranked = ShardPlacement.Rank(category, shard, silos);
            // Any replica will do; the attempts after a failure go round them.
            var silo = ranked[(start + attempt) % Math.Min(replicas, ranked.Count)];
            return calls.OnAsync(silo.Address, () => call(grains.GetGrain<IGalleryShardGrain>(GrainKeys.Shard(category, shard, count, silo.Name))));
        }, cancellationToken);
    }
}
