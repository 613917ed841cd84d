namespace SpadeCluster.Galleries;

/// <summary>Writes whole categories, with all kept versions, as one file each.</summary>
public interface ISnapshots
{
    /// <param name="path">The file to write; it must not exist.</param>
    /// <exception cref="SpadeException">NotFound: no such category. Unavailable: the store cannot be read.</exception>
    ValueTask ExportAsync(string category, string path, CancellationToken cancellationToken = default);
}
