using System.Collections.Concurrent;
using SpadeCluster.Galleries;

namespace SpadeCluster.Cluster.Shards;

/// <summary>The manifests that this process read last, so that the shards of a category parse each once. It keeps three per category:
/// the current version, the one that scores images until the current one has thresholds, and the shadow version. Safe for
/// concurrent calls.</summary>
/// <param name="read">Reads a version of a category, or throws NotFound.</param>
internal sealed class ManifestCache(Func<string, int, CancellationToken, ValueTask<GalleryManifest>> read)
{
    private const int Kept = 3;
    private readonly ConcurrentDictionary<string, GalleryManifest[]> _read = new(StringComparer.Ordinal);

    /// <exception cref="VersionGoneException">The version has been compacted away.</exception>
    public async ValueTask<GalleryManifest> GetAsync(string category, int version, CancellationToken cancellationToken = default)
    {
        if (_read.TryGetValue(category, out var known) && Array.Find(known, m => m.Version == version) is { } found) return found;
        try
        {
            var manifest = await read(category, version, cancellationToken);
            _read.AddOrUpdate(category, [manifest], (_, others) => [manifest, .. others.Where(m => m.Version != version).Take(Kept - 1)]);
            return manifest;
        }
        catch (SpadeException e) when (e.Error == SpadeError.NotFound)
        {
            throw new VersionGoneException(category, version);
        }
    }
}

/// <summary>The version has been compacted away; the caller tries again with the current version.</summary>
[GenerateSerializer, Alias("spade.version-gone")]
internal sealed class VersionGoneException(string category, int version)
    : Exception($"version {version} of category '{category}' has been compacted away");
