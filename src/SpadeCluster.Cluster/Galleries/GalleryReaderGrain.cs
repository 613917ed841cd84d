using Orleans.Concurrency;
using SpadeCluster.Cluster.Extraction;
using SpadeCluster.Features;
using SpadeCluster.Galleries;

namespace SpadeCluster.Cluster.Galleries;

[StatelessWorker(1), Reentrant]
internal sealed class GalleryReaderGrain(ClusterGalleryServices services, ExtractorPool extractors) : Grain, IGalleryReaderGrain
{
    // Only for reading, so there is no author.
    private readonly GalleryService _galleries = services.Local("");

    public async Task<IReadOnlyList<string>> ListAsync(CancellationToken cancellationToken) =>
        await _galleries.ListAsync(cancellationToken);

    public async Task<IReadOnlyList<DeletedCategory>> ListDeletedAsync(CancellationToken cancellationToken) =>
        await _galleries.ListDeletedAsync(cancellationToken);

    public async Task<GalleryManifest> GetAsync(string category, CancellationToken cancellationToken)
        => await _galleries.GetAsync(category, cancellationToken);

    public async Task<GalleryManifest> GetVersionAsync(string category, int version, CancellationToken cancellationToken)
        => await _galleries.GetVersionAsync(category, version, cancellationToken);

    public async Task<IReadOnlyList<GalleryVersion>> HistoryAsync(string category, CancellationToken cancellationToken)
        => await _galleries.HistoryAsync(category, cancellationToken);

    public async Task<byte[]?> GetThumbnailAsync(string category, ImageId id, int? tile, CancellationToken cancellationToken)
        => await _galleries.GetThumbnailAsync(category, id, tile, cancellationToken);

    public Task<IReadOnlyList<FeatureModel>> ListModelsAsync(CancellationToken cancellationToken)
        => extractors.ListModelsAsync(cancellationToken);
}
