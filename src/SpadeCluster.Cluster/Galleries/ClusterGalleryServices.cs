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
    IGalleryStore store, ClusterEngines engines, ShardCoordinators coordinators, IGrainFactory grains, GrainCalls calls,
    ManifestCache manifests, IOptions<GalleryOptions> options, TimeProvider clock, ThumbnailEncoder? thumbnails = null) : IGalleryServices
{
    public IGalleryService For(string author) =>
        new ClusterGalleryService(Local(author), new ChangeCalls(grains, calls, author), manifests);

    /// <summary>The service that writes to the store itself.</summary>
    /// <param name="wait">How it takes a category's writer lock.</param>
    public GalleryService Local(string author, Func<string, CancellationToken, ValueTask<IDisposable>>? wait = null)
        => new(store, engines, author, options.Value.Threads, clock, thumbnails?.Encode, options.Value.Shards, OpenAsync)
        {
            Lock = wait
            ?? store.LockAsync
        };

    private async ValueTask<OpenGallery> OpenAsync(GalleryManifest manifest, CancellationToken cancellationToken)
        => new(manifest, coordinators.For(manifest), await store.PinAsync(manifest.Category, manifest.Version, cancellationToken));
}

/// <summary>How the small picture kept with each normal is made.</summary>
public sealed record ThumbnailEncoder(Func<RgbImage, byte[]?> Encode);
