using Microsoft.Extensions.Options;
using SpadeCluster.Cluster.Resilience;
using SpadeCluster.Galleries;
using SpadeCluster.Scoring;
using SpadeCluster.Telemetry;

namespace SpadeCluster.Cluster.Shards;

/// <summary>Creates Core's coordinator for the shards of a gallery version in the cluster.</summary>
internal sealed class ShardCoordinators(IGrainFactory grains, SiloCalls calls, IOptions<GalleryOptions> options)
{
    public ScoringCoordinator For(GalleryManifest manifest)
        => new(manifest.Model, manifest.Images.Count, Shards(manifest), options.Value.Threads, SpadeMeter.Stage, GalleryTiles.Of(manifest));

    private IReadOnlyList<ClusterShard> Shards(GalleryManifest m)
        => [.. Enumerable.Range(0, m.Shards)
            .Select(s => new ClusterShard(grains, calls, options.Value.Replicas, m.Category, m.Version, s, m.Shards))];
}
