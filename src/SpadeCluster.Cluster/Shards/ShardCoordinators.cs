using Microsoft.Extensions.Options;
using SpadeCluster.Cluster.Placement;
using SpadeCluster.Cluster.Resilience;
using SpadeCluster.Galleries;
using SpadeCluster.Scoring;
using SpadeCluster.Telemetry;

namespace SpadeCluster.Cluster.Shards;

/// <summary>Creates Core's coordinator for the shards of a gallery version in the cluster.</summary>
internal sealed class ShardCoordinators(IGrainFactory grains, SiloCalls calls, HotCategories hot, ISiloDirectory silos,
    IOptions<GalleryOptions> options)
{
    public ScoringCoordinator For(GalleryManifest manifest)
        => new(manifest.Model, manifest.Images.Count, Shards(manifest), options.Value.Threads, SpadeMeter.Stage, GalleryTiles.Of(manifest));

    /// <summary>Closes a category's shards on all gallery silos. A silo that does not answer closes them when they have been idle for some
    /// minutes.</summary>
    public Task ForgetAsync(string category) => Task.WhenAll(silos.With(SiloRole.Gallery).Select(async silo =>
    {
        try
        {
            await calls.OnAsync(silo.Address, async () =>
            {
                await grains.GetGrain<IGalleryShardGrain>(GrainKeys.Shard(category, 0, 1, silo.Name)).ForgetAsync();
                return true;
            });
        }
        catch (Exception e) when (e is OrleansException or TimeoutException)
        {
            // Also a silo of an earlier build, which does not know the call.
        }
    }));

    private IReadOnlyList<ClusterShard> Shards(GalleryManifest m)
        => [.. Enumerable.Range(0, m.Shards)
            .Select(s => new ClusterShard(grains, calls, hot, m.Category, m.Version, s, m.Shards))];
}
