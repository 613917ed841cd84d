using SpadeCluster.Galleries;

namespace SpadeCluster.Storage;

/// <summary>Identifies the stored bytes of a version. Equal stamps mean equal bytes.</summary>
/// <param name="Stamp">Changes when the version is written again, as a restored backup does.</param>
/// <param name="Length">In bytes.</param>
internal readonly record struct ManifestStamp(string Stamp, long Length);

/// <summary>The manifests that were read last. Checking and parsing one of 5,000 normals takes more than a tenth of a second, and several
/// parts of a server need it at the same time. Safe for concurrent calls.</summary>
internal sealed class ManifestMemory
{
    /// <summary>Length of all files together, unless a single one is longer.</summary>
    public const long MaxBytes = 128 << 20;

    private readonly List<Entry> _last = [];

    /// <summary>The manifest of these bytes. Callers at the same time wait for one reading.</summary>
    /// <param name="read">Called on a pool thread; null: there is no such version. Only manifests are remembered.</param>
    public Task<GalleryManifest?> GetAsync(string category, int version, ManifestStamp stamp, Func<Task<GalleryManifest?>> read)
    {
        lock (_last)
        {
            int at = _last.FindIndex(e => e.Category == category && e.Version == version);
            var known = at < 0 ? null : _last[at];
            if (at >= 0) _last.RemoveAt(at);
            if (known is null || known.Stamp != stamp || known.Failed) known = new Entry(category, version, stamp, Task.Run(read));
            _last.Add(known);
            while (_last.Count > 1 && _last.Sum(e => e.Stamp.Length) > MaxBytes) _last.RemoveAt(0);
            return known.Manifest;
        }
    }

    private sealed record Entry(string Category, int Version, ManifestStamp Stamp, Task<GalleryManifest?> Manifest)
    {
        public bool Failed => Manifest.IsCompleted && Manifest is not { IsCompletedSuccessfully: true, Result: not null };
    }
}
