using SpadeCluster.Features;
using SpadeCluster.Neighbors;

namespace SpadeCluster.Galleries;

/// <summary>Some images of one gallery version: pooled features in memory, packed pyramids as far as a byte budget goes.</summary>
public sealed class GalleryShard : IGalleryShard
{
    private readonly IGalleryStore _store;
    private readonly GalleryManifest _manifest;
    private readonly ImageId[] _ids;
    private readonly float[][] _pooled;
    private readonly PixelSpace _space;

    private GalleryShard(IGalleryStore store, GalleryManifest manifest, ImageId[] ids, float[][] pooled)
    {
        (_store, _manifest, _ids, _pooled) = (store, manifest, ids, pooled);
        _space = new PixelSpace(manifest.Model.Levels, manifest.Weights?.Levels);
    }

    /// <param name="ids">The shard's images, ascending.</param>
    public static async ValueTask<GalleryShard> LoadAsync(IGalleryStore store, GalleryManifest manifest, IEnumerable<ImageId> ids, CancellationToken cancellationToken = default)
    {
        ImageId[] mine = [.. ids];
        var pooled = new float[mine.Length][];
        for (int i = 0; i < mine.Length; i++)
            pooled[i] = (await store.ReadFeaturesAsync(manifest.Category, mine[i], manifest.Model, cancellationToken)).Pooled;
        return new GalleryShard(store, manifest, mine, pooled);
    }

    public ValueTask<IReadOnlyList<Neighbour>> NearestAsync(ReadOnlyMemory<float> pooled, int count, ImageId? exclude, CancellationToken cancellationToken = default)
    {
        var weights = _manifest.Weights?.Pooled ?? [];
        return ValueTask.FromResult<IReadOnlyList<Neighbour>>([.. _ids.Select((id, i) => new Neighbour(id, PixelDistance.Squared(pooled.Span, _pooled[i], weights)))
            .Where(n => n.Id != exclude).OrderBy(n => n.Distance).ThenBy(n => n.Id).Take(count)]);
    }

    public async ValueTask<IReadOnlyList<PixelMatches>> MatchAsync(FeaturePyramid query, IReadOnlyList<GalleryPick> picks, PixelSearchOptions options, CancellationToken cancellationToken = default)
    {
        var gallery = new List<(int, FeaturePyramid)>(picks.Count);
        foreach (var pick in picks)
            gallery.Add((pick.Position, await _store.ReadPyramidAsync(_manifest.Category, pick.Id, _manifest.Model, cancellationToken)));
        return await Task.Run(() => BruteForcePixelSearch.Search(_space, query, gallery, options), cancellationToken);
    }
}
