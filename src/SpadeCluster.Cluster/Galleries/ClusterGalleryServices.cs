using Microsoft.Extensions.Options;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Cluster.Categories;
using SpadeCluster.Cluster.Resilience;
using SpadeCluster.Cluster.Shards;

namespace SpadeCluster.Cluster.Galleries;

/// <summary>
/// Core's gallery service in a cluster, its features computed by the extractor silos and its calibrations searched by the
/// gallery silos. At a gateway, every change goes to the category's grain; the grain applies it with <see cref="Local"/>.
/// </summary>
internal sealed class ClusterGalleryServices(
    IGalleryStore store, ClusterEngines engines, ClusterGalleries galleries, IGrainFactory grains, SiloCalls calls, ManifestCache manifests,
    IOptions<ClusterOptions> options, TimeProvider clock, Thumbnails? thumbnails = null) : IGalleryServices
{
    public IGalleryService For(string author) => new ClusterGalleryService(Local(author), new ChangeCalls(grains, calls, author), manifests);

    /// <summary>The service that writes to the store itself.</summary>
    public GalleryService Local(string author)
        => new(store, engines, author, options.Value.Threads, clock, thumbnails?.Make, options.Value.Shards, OpenAsync);

    private async ValueTask<OpenGallery> OpenAsync(GalleryManifest manifest, CancellationToken cancellationToken)
        => new(manifest, galleries.Coordinator(manifest, options.Value.Threads), await store.PinAsync(manifest.Category, manifest.Version, cancellationToken));
}

/// <summary>How the small picture kept with each normal is made.</summary>
public sealed record Thumbnails(Func<RgbImage, byte[]?> Make);
