using Microsoft.Extensions.Options;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Grains.Shards;

namespace SpadeCluster.Grains.Galleries;

/// <summary>
/// Core's gallery service at a gateway, its features computed by the extractor silos and its calibrations searched by the
/// gallery silos. The category's single writer is whoever holds the store's lock, which ends with its process.
/// </summary>
internal sealed class ClusterGalleryServices(
    IGalleryStore store, ClusterEngines engines, ClusterGalleries galleries, IOptions<ClusterOptions> options, TimeProvider clock, Thumbnails? thumbnails = null) : IGalleryServices
{
    public IGalleryService For(string author)
        => new GalleryService(store, engines, author, options.Value.Threads, clock, thumbnails?.Make, options.Value.Shards, OpenAsync);

    private async ValueTask<OpenGallery> OpenAsync(GalleryManifest manifest, CancellationToken cancellationToken)
        => new(manifest, galleries.Coordinator(manifest, options.Value.Threads), await store.PinAsync(manifest.Category, manifest.Version, cancellationToken));
}

/// <summary>How the small picture kept with each normal is made.</summary>
public sealed record Thumbnails(Func<RgbImage, byte[]?> Make);
