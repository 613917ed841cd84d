using System.Collections.Concurrent;
using SpadeCluster.Galleries;

namespace SpadeCluster.Cluster.Shards;

/// <summary>
/// The manifests that this process read last, so that the shards of a category parse each once. It keeps three per category: the current
/// version, the one that scores images until the current one has thresholds, and the shadow version. Beyond <see cref="MaxBytes"/> those
/// leave that nobody asked for in the last minutes, for example of a deleted category. Those in use stay: parsing one for each image would
/// take longer than scoring it. Safe for concurrent calls.
/// </summary>
/// <param name="read">Reads a version of a category, or throws NotFound.</param>
internal sealed class ManifestCache(Func<string, int, CancellationToken, ValueTask<GalleryManifest>> read, TimeProvider clock)
{
    /// <summary>Memory of all manifests, beyond which those leave that are not in use.</summary>
    public const long MaxBytes = 128 << 20;

    private const int Kept = 3, BytesPerImage = 400;
    private static readonly TimeSpan InUse = TimeSpan.FromMinutes(10);

    private readonly ConcurrentDictionary<(string Category, int Version), Entry> _read = new();

    /// <exception cref="VersionGoneException">The version has been compacted away.</exception>
    public async ValueTask<GalleryManifest> GetAsync(string category, int version, CancellationToken cancellationToken = default)
    {
        if (_read.TryGetValue((category, version), out var known))
        {
            known.Used = clock.GetTimestamp();
            return known.Manifest;
        }
        try
        {
            var manifest = await read(category, version, cancellationToken);
            _read[(category, version)] = new Entry(manifest, BytesOf(manifest)) { Used = clock.GetTimestamp() };
            Trim();
            return manifest;
        }
        catch (SpadeException e) when (e.Error == SpadeError.NotFound)
        {
            throw new VersionGoneException(category, version);
        }
    }

    private void Trim()
    {
        long bytes = 0;
        var versions = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var (key, entry) in _read.ToArray().OrderByDescending(e => e.Value.Used))
        {
            int version = versions[key.Category] = versions.GetValueOrDefault(key.Category) + 1;
            bool idle = clock.GetElapsedTime(entry.Used) > InUse;
            if (version > Kept || (idle && bytes + entry.Bytes > MaxBytes)) _read.TryRemove(key, out _);
            else bytes += entry.Bytes;
        }
    }

    /// <summary>About what a manifest takes: names and hashes of its images, and its usual distances.</summary>
    private static long BytesOf(GalleryManifest m) => (long)BytesPerImage * m.Images.Count + (m.Calibration?.Usual?.Local.Length ?? 0);

    private sealed class Entry(GalleryManifest manifest, long bytes)
    {
        public GalleryManifest Manifest => manifest;
        public long Bytes => bytes;
        public long Used { get; set; }
    }
}

/// <summary>The version has been compacted away; the caller tries again with the current version.</summary>
[GenerateSerializer, Alias("spade.version-gone")]
internal sealed class VersionGoneException(string category, int version)
    : Exception($"version {version} of category '{category}' has been compacted away");
