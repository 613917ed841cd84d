using SpadeCluster.Galleries;

namespace SpadeCluster.Storage.Snapshots;

/// <summary>Snapshots of a store's categories.</summary>
public sealed class StoreSnapshots(GalleryStore store) : ISnapshots
{
    public async ValueTask ExportAsync(string category, string path, long reserve, CancellationToken cancellationToken = default)
        => await Snapshot.ExportAsync(store, category, path, reserve: reserve, cancellationToken: cancellationToken);

    public async ValueTask<GalleryManifest> ImportAsync(string category, string path, string author,
        CancellationToken cancellationToken = default)
        => await Snapshot.ImportAsync(store, path, category, author, cancellationToken: cancellationToken);
}
