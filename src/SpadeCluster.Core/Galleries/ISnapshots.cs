namespace SpadeCluster.Galleries;

/// <summary>Writes and reads whole categories, with all kept versions, as one file each.</summary>
public interface ISnapshots
{
    /// <param name="path">The file to write; it must not exist.</param>
    /// <param name="reserve">Bytes of its disk that stay free.</param>
    /// <exception cref="SpadeException">NotFound: no such category. Unavailable: the store cannot be read. ResourceExhausted: the disk is
    /// full, up to the reserve; nothing of the file stays.</exception>
    ValueTask ExportAsync(string category, string path, long reserve, CancellationToken cancellationToken = default);

    /// <summary>Imports a category as a whole, or nothing of it.</summary>
    /// <param name="category">The category that the file must have.</param>
    /// <param name="author">Who imports it. A further version records this author, because the authors in the file cannot be
    /// trusted.</param>
    /// <exception cref="SpadeException">InvalidArgument: not a snapshot, or of another category. DataLoss: damaged. FailedPrecondition: the
    /// category exists, or is deleted and can be restored. Unavailable: the store cannot be written.</exception>
    ValueTask<GalleryManifest> ImportAsync(string category, string path, string author, CancellationToken cancellationToken = default);
}
