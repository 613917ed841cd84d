using System.Collections.Concurrent;
using SpadeCluster.Galleries;

namespace SpadeCluster.Cluster.Shards;

/// <summary>The manifests this silo read last, two per category - the current one, and the one that images are judged by until
/// that is calibrated: eight shards of a category parse one once. Safe for concurrent calls.</summary>
internal sealed class ManifestCache(IGalleryStore store)
{
    private const int Kept = 2;
    private readonly ConcurrentDictionary<string, GalleryManifest[]> _read = new(StringComparer.Ordinal);

    /// <summary>The current version's number.</summary>
    /// <exception cref="SpadeException">NotFound: no such category.</exception>
    public async ValueTask<int> CurrentAsync(string category, CancellationToken cancellationToken = default)
        => await store.ReadCurrentVersionAsync(CategoryName.Check(category), cancellationToken)
            ?? throw new SpadeException(SpadeError.NotFound, $"no category '{category}'; 'spade gallery list' shows what there is");

    /// <exception cref="VersionGoneException">It has been compacted away.</exception>
    public async ValueTask<GalleryManifest> GetAsync(string category, int version, CancellationToken cancellationToken = default)
    {
        if (_read.TryGetValue(category, out var known) && Array.Find(known, m => m.Version == version) is { } found) return found;
        try
        {
            var manifest = await store.ReadVersionAsync(category, version, cancellationToken);
            _read.AddOrUpdate(category, [manifest], (_, others) => [manifest, .. others.Where(m => m.Version != version).Take(Kept - 1)]);
            return manifest;
        }
        catch (SpadeException e) when (e.Error == SpadeError.NotFound)
        {
            throw new VersionGoneException(category, version);
        }
    }
}

/// <summary>A query asks for a version that a shard cannot load any more; it is asked again with the current one.</summary>
[GenerateSerializer, Alias("spade.version-gone")]
internal sealed class VersionGoneException(string category, int version)
    : Exception($"version {version} of category '{category}' has been compacted away");
