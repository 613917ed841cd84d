using SpadeCluster.Scoring;

namespace SpadeCluster.Galleries;

/// <summary>One gallery version ready to score: its shards in this process behind a coordinator.</summary>
public sealed class OpenGallery
{
    private OpenGallery(GalleryManifest manifest, ScoringCoordinator coordinator) => (Manifest, Coordinator) = (manifest, coordinator);

    public GalleryManifest Manifest { get; }
    public ScoringCoordinator Coordinator { get; }

    public static async ValueTask<OpenGallery> LoadAsync(IGalleryStore store, GalleryManifest manifest, int shards = 1, int threads = 0, CancellationToken cancellationToken = default)
    {
        var parts = new List<IGalleryShard>(shards);
        for (int s = 0; s < shards; s++)
        {
            int shard = s;
            parts.Add(await GalleryShard.LoadAsync(store, manifest, manifest.Images.Select(i => i.Id).Where(id => ShardMap.ShardOf(id, shards) == shard), cancellationToken));
        }
        return new OpenGallery(manifest, new ScoringCoordinator(manifest.Model, manifest.Images.Count, parts, threads));
    }
}
