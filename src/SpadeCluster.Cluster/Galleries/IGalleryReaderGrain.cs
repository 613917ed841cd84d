using SpadeCluster.Features;
using SpadeCluster.Galleries;

namespace SpadeCluster.Cluster.Galleries;

/// <summary>Reads galleries and models for a client outside the cluster, on the gateway it is connected to (key: 0).</summary>
[Alias("spade.IGalleryReaderGrain")]
public interface IGalleryReaderGrain : IGrainWithIntegerKey
{
    [Alias("list")]
    Task<IReadOnlyList<string>> ListAsync(CancellationToken cancellationToken);

    [Alias("list-deleted")]
    Task<IReadOnlyList<DeletedCategory>> ListDeletedAsync(CancellationToken cancellationToken);

    /// <returns>Without the usual distances, which only a search needs.</returns>
    [Alias("get")]
    Task<GalleryManifest> GetAsync(string category, CancellationToken cancellationToken);

    /// <inheritdoc cref="GetAsync"/>
    [Alias("version")]
    Task<GalleryManifest> GetVersionAsync(string category, int version, CancellationToken cancellationToken);

    [Alias("history")]
    Task<IReadOnlyList<GalleryVersion>> HistoryAsync(string category, CancellationToken cancellationToken);

    [Alias("thumbnail")]
    Task<byte[]?> GetThumbnailAsync(string category, ImageId id, int? tile, CancellationToken cancellationToken);

    [Alias("models")]
    Task<IReadOnlyList<FeatureModel>> ListModelsAsync(CancellationToken cancellationToken);
}
