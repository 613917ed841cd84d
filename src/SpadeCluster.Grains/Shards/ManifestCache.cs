using System.Collections.Concurrent;
using SpadeCluster.Galleries;

namespace SpadeCluster.Grains.Shards;

/// <summary>The newest manifests this silo has read, one per category: eight shards of a category parse it once.</summary>
internal sealed class ManifestCache(IGalleryStore store)
{
    private readonly ConcurrentDictionary<string, GalleryManifest> _newest = new(StringComparer.Ordinal);

    /// <exception cref="SpadeException">NotFound: no such category.</exception>
    public async ValueTask<GalleryManifest> CurrentAsync(string category, CancellationToken cancellationToken = default)
    {
        int current = await store.ReadCurrentVersionAsync(CategoryName.Check(category), cancellationToken) ?? throw NoCategory(category);
        if (_newest.TryGetValue(category, out var known) && known.Version == current) return known;
        var manifest = await store.ReadCurrentAsync(category, cancellationToken) ?? throw NoCategory(category);
        return _newest[category] = manifest;
    }

    /// <exception cref="VersionGoneException">It has been compacted away.</exception>
    public async ValueTask<GalleryManifest> GetAsync(string category, int version, CancellationToken cancellationToken = default)
    {
        if (_newest.TryGetValue(category, out var known) && known.Version == version) return known;
        try
        {
            var manifest = await store.ReadVersionAsync(category, version, cancellationToken);
            _newest.AddOrUpdate(category, manifest, (_, other) => other.Version > version ? other : manifest);
            return manifest;
        }
        catch (SpadeException e) when (e.Error == SpadeError.NotFound)
        {
            throw new VersionGoneException(category, version);
        }
    }

    private static SpadeException NoCategory(string category) => new(SpadeError.NotFound, $"no category '{category}'; 'spade gallery list' shows what there is");
}

/// <summary>A query asks for a version that a shard cannot load any more; it is asked again with the current one.</summary>
[GenerateSerializer, Alias("spade.version-gone")]
internal sealed class VersionGoneException(string category, int version) : Exception($"version {version} of category '{category}' has been compacted away");
