using SpadeCluster.Scoring;

namespace SpadeCluster.Galleries;

/// <summary>
/// One gallery version ready to score: its shards in this process behind a coordinator. While it is open the version is pinned, so that its
/// images are not compacted away. Safe for concurrent calls.
/// </summary>
public sealed class OpenGallery : IDisposable
{
    private IDisposable[]? _held;

    /// <param name="held">The pin and other objects to dispose with the gallery.</param>
    public OpenGallery(GalleryManifest manifest, ScoringCoordinator coordinator, params IDisposable[] held) =>
        (Manifest, Coordinator, _held) = (manifest, coordinator, held);

    public GalleryManifest Manifest { get; }
    public ScoringCoordinator Coordinator { get; }

    /// <param name="memory">Upper limit of the memory of all shards together, in bytes.</param>
    /// <exception cref="SpadeException">NotFound: the version was compacted away since its manifest was read.</exception>
    public static async ValueTask<OpenGallery> LoadAsync(IGalleryStore store, GalleryManifest manifest, int shards = 1, int threads = 0,
        long memory = GalleryShard.DefaultMemory, CancellationToken cancellationToken = default)
    {
        var pin = await store.PinAsync(manifest.Category, manifest.Version, cancellationToken);
        var tiles = GalleryTiles.Of(manifest);
        var parts = new List<GalleryShard>(shards);
        try
        {
            for (int s = 0; s < shards; s++)
            {
                int shard = s;
                parts.Add(await GalleryShard.LoadAsync(store, manifest,
                    tiles.Ids.Where(id => ShardMap.ShardOf(id, shards) == shard), memory / shards,
                    cancellationToken));
            }
            return new OpenGallery(manifest, new ScoringCoordinator(manifest.Model, manifest.Images.Count, parts, threads, tiles: tiles),
                [.. parts, pin]);
        }
        catch
        {
            foreach (var part in parts) part.Dispose();
            pin.Dispose();
            throw;
        }
    }

    /// <summary>Closes the shards and unpins the version.</summary>
    public void Dispose()
    {
        foreach (var held in Interlocked.Exchange(ref _held, null) ?? []) held.Dispose();
    }
}
