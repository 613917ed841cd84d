namespace SpadeCluster.Galleries;

/// <summary>Reads galleries, in this process or in a cluster.</summary>
public interface IGalleryReader
{
    /// <summary>The categories, without the deleted ones.</summary>
    ValueTask<IReadOnlyList<string>> ListAsync(CancellationToken cancellationToken = default);

    /// <summary>The deleted categories that can be restored, by name.</summary>
    ValueTask<IReadOnlyList<DeletedCategory>> ListDeletedAsync(CancellationToken cancellationToken = default);

    /// <exception cref="SpadeException">NotFound: no such category.</exception>
    ValueTask<GalleryManifest> GetAsync(string category, CancellationToken cancellationToken = default);

    /// <exception cref="SpadeException">NotFound: no such category or version.</exception>
    ValueTask<GalleryManifest> GetVersionAsync(string category, int version, CancellationToken cancellationToken = default);

    /// <summary>The versions kept, ascending.</summary>
    /// <exception cref="SpadeException">NotFound: no such category.</exception>
    ValueTask<IReadOnlyList<GalleryVersion>> HistoryAsync(string category, CancellationToken cancellationToken = default);

    /// <summary>The thumbnail of a normal, or of one of its tiles, JPEG or (of earlier builds) PNG; null where there is none.</summary>
    /// <param name="tile">Null: the whole photograph.</param>
    /// <exception cref="SpadeException">NotFound: no such category or tile, or the image is not in its current version.</exception>
    ValueTask<byte[]?> GetThumbnailAsync(string category, ImageId id, int? tile = null, CancellationToken cancellationToken = default);

    /// <exception cref="SpadeException">NotFound: no such category or version.</exception>
    async ValueTask<GalleryDiff> DiffAsync(string category, int from, int to, CancellationToken cancellationToken = default)
        => GalleryDiff.Between(await GetVersionAsync(category, from, cancellationToken),
            await GetVersionAsync(category, to, cancellationToken));
}
