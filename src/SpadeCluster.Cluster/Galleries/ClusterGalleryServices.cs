using Microsoft.Extensions.Options;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Cluster.Categories;
using SpadeCluster.Cluster.Resilience;
using SpadeCluster.Cluster.Shards;

namespace SpadeCluster.Cluster.Galleries;

/// <summary>
/// Gallery services in a cluster: extractor silos compute the features, gallery silos search for calibrations. Changes go to the category's
/// grain, which applies them with <see cref="Local"/>.
/// </summary>
internal sealed class ClusterGalleryServices(
    IGalleryStore store, ClusterEngines engines, ShardCoordinators coordinators, IGrainFactory grains, GrainCalls calls,
    ManifestCache manifests, IOptions<GalleryOptions> options, TimeProvider clock, ThumbnailEncoder? thumbnails = null) : IGalleryServices
{
    public IGalleryService For(string author) =>
        new ClusterGalleryService(Local(author), new ChangeCalls(grains, calls, author), manifests);

    /// <summary>A service that writes to the store.</summary>
    /// <param name="wait">Takes a category's writer lock; null: fails while another writer holds it.</param>
    public GalleryService Local(string author, Func<string, CancellationToken, ValueTask<IDisposable>>? wait = null)
        => new(store, engines, author, options.Value.Threads, clock, thumbnails?.Encode, options.Value.Shards, OpenAsync)
        {
            Lock = wait ?? store.LockAsync,
            Close = coordinators.ForgetAsync,
            KeepDeleted = TimeSpan.FromDays(options.Value.KeepDeletedDays),
        };

    private async ValueTask<OpenGallery> OpenAsync(GalleryManifest manifest, CancellationToken cancellationToken)
        => new(manifest, coordinators.For(manifest), await store.PinAsync(manifest.Category, manifest.Version, cancellationToken));
}

/// <summary>Makes the thumbnail of a normal: JPEG, at most <see cref="GalleryService.MaxThumbnailBytes"/>; null: none.</summary>
public sealed record ThumbnailEncoder(Func<RgbImage, byte[]?> Encode);
