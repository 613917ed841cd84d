using System.Collections.Concurrent;
using SpadeCluster.Features;
using SpadeCluster.Neighbors;

namespace SpadeCluster.Galleries;

/// <summary>Some images of one gallery version: pooled features in memory, packed pyramids as far as a byte budget goes.</summary>
public sealed class GalleryShard : IGalleryShard
{
    private const int TrainingImages = 24;

    private readonly IGalleryStore _store;
    private readonly GalleryManifest _manifest;
    private readonly ImageId[] _ids;
    private readonly float[][] _pooled;
    private readonly Lazy<Task<PixelIndex>> _index;
    private readonly ConcurrentDictionary<ImageId, Lazy<Task<PackedPyramid>>> _packed = new();

    private GalleryShard(IGalleryStore store, GalleryManifest manifest, ImageId[] ids, float[][] pooled)
    {
        (_store, _manifest, _ids, _pooled) = (store, manifest, ids, pooled);
        _index = new Lazy<Task<PixelIndex>>(() => Task.Run(TrainAsync));
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
        var index = await _index.Value.WaitAsync(cancellationToken);
        var gallery = new (int, PackedPyramid)[picks.Count];
        for (int i = 0; i < gallery.Length; i++)
        {
            var id = picks[i].Id;
            var packed = _packed.GetOrAdd(id, _ => new Lazy<Task<PackedPyramid>>(() => Task.Run(async () => index.Pack(await ReadAsync(id)))));
            gallery[i] = (picks[i].Position, await packed.Value.WaitAsync(cancellationToken));
        }
        return await Task.Run(() => index.Search(query, gallery, options, cancellationToken), cancellationToken);
    }

    /// <summary>The index learns from some of the shard's own images: what it learns changes the speed of a search, not its result.</summary>
    private async Task<PixelIndex> TrainAsync()
    {
        int count = Math.Min(_ids.Length, TrainingImages);
        var sample = new FeaturePyramid[count];
        for (int i = 0; i < count; i++) sample[i] = await ReadAsync(_ids[(int)((long)i * _ids.Length / count)]);
        return new PixelIndex(new PixelSpace(_manifest.Model.Levels, _manifest.Weights?.Levels), sample);
    }

    private ValueTask<FeaturePyramid> ReadAsync(ImageId id) => _store.ReadPyramidAsync(_manifest.Category, id, _manifest.Model);
}
