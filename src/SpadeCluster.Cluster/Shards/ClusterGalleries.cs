using Microsoft.Extensions.Options;
using SpadeCluster.Galleries;
using SpadeCluster.Cluster.Resilience;
using SpadeCluster.Cluster.Telemetry;
using SpadeCluster.Scoring;

namespace SpadeCluster.Cluster.Shards;

/// <summary>A gallery version's shards, wherever they are, behind Core's coordinator.</summary>
internal sealed class ClusterGalleries(IGrainFactory grains, SiloCalls calls, IOptions<ClusterOptions> options)
{
    public IReadOnlyList<ClusterShard> Shards(GalleryManifest manifest)
        => [.. Enumerable.Range(0, manifest.Shards).Select(s => new ClusterShard(grains, calls, options.Value.Replicas, manifest.Category, manifest.Version, s, manifest.Shards))];

    public ScoringCoordinator Coordinator(GalleryManifest manifest, int threads)
        => new(manifest.Model, manifest.Images.Count, Shards(manifest), threads, SpadeMeter.Stage);
}
