using SpadeCluster.Cluster.Categories;
using SpadeCluster.Cluster.Galleries;
using SpadeCluster.Cluster.Resilience;
using SpadeCluster.Cluster.Shards;
using SpadeCluster.Features;
using SpadeCluster.Galleries;

namespace SpadeCluster.Cluster.Clients;

/// <summary>The cluster's galleries for a process outside it: reading goes to a gateway, changes to the category's grain.</summary>
internal sealed class ClientGalleries(IGrainFactory grains, GrainCalls calls) : IGalleryServices, IGalleryReader, IEngineStatus, ISnapshots
{
    private IGalleryReaderGrain Gateway => grains.GetGrain<IGalleryReaderGrain>(0);

    public ManifestCache Manifests => field ??= new ManifestCache(GetVersionAsync, TimeProvider.System);

    public IReadOnlyList<ExtractorHealth> Extractors => [];

    public GalleryMemory? Memory => null;

    public IGalleryService For(string author) => new ClusterGalleryService(this, new ChangeCalls(grains, calls, author), Manifests);

    public ValueTask<IReadOnlyList<string>> ListAsync(CancellationToken cancellationToken = default)
        => CallAsync(g => g.ListAsync(cancellationToken), cancellationToken);

    public ValueTask<GalleryManifest> GetAsync(string category, CancellationToken cancellationToken = default)
        => CallAsync(g => g.GetAsync(category, cancellationToken), cancellationToken);

    public ValueTask<GalleryManifest> GetVersionAsync(string category, int version, CancellationToken cancellationToken = default)
        => CallAsync(g => g.GetVersionAsync(category, version, cancellationToken), cancellationToken);

    public ValueTask<IReadOnlyList<GalleryVersion>> HistoryAsync(string category, CancellationToken cancellationToken = default)
        => CallAsync(g => g.HistoryAsync(category, cancellationToken), cancellationToken);

    public ValueTask<byte[]?> GetThumbnailAsync(string category, ImageId id, int? tile = null,
        CancellationToken cancellationToken = default)
        => CallAsync(g => g.GetThumbnailAsync(category, id, tile, cancellationToken), cancellationToken);

    public ValueTask<IReadOnlyList<FeatureModel>> ListModelsAsync(CancellationToken cancellationToken = default)
        => CallAsync(g => g.ListModelsAsync(cancellationToken), cancellationToken);

    public ValueTask<IReadOnlyList<DeletedCategory>> ListDeletedAsync(CancellationToken cancellationToken = default)
        => CallAsync(g => g.ListDeletedAsync(cancellationToken), cancellationToken);

    public ValueTask<GalleryManifest> ImportAsync(string category, string path, string author,
        CancellationToken cancellationToken = default)
        => throw new SpadeException(SpadeError.FailedPrecondition,
            "this server is outside the cluster and reads no snapshots: use a gateway of the cluster, or 'spade gallery import' with "
            + "access to the galleries");

    public ValueTask ExportAsync(string category, string path, long reserve, CancellationToken cancellationToken = default)
        => throw new SpadeException(SpadeError.FailedPrecondition,
            "this server is outside the cluster and writes no snapshots: use a gateway of the cluster, or 'spade gallery export' with "
            + "access to the galleries");

    private async ValueTask<T> CallAsync<T>(Func<IGalleryReaderGrain, Task<T>> read, CancellationToken cancellationToken)
        => await calls.CallAsync(_ => read(Gateway), cancellationToken);
}
