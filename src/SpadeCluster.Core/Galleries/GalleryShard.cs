using System.Collections.Concurrent;
using SpadeCluster.Features;
using SpadeCluster.Neighbors;

namespace SpadeCluster.Galleries;

/// <summary>Some images of one gallery version: pooled features in memory, level data paged in under a byte budget.</summary>
public sealed class GalleryShard : IGalleryShard
{
    /// <summary>Level data a gallery may hold in memory unless told otherwise, in bytes.</summary>
    public const long DefaultMemory = 2L << 30;

    private const int TrainingImages = 24;
    private const long SearchMemory = 128L << 20;

    private readonly IGalleryStore _store;
    private readonly GalleryManifest _manifest;
    private readonly ImageId[] _ids;
    private readonly ImageIndex _images;
    private readonly long _memory;
    private readonly Lock _training = new();
    private Task<PagedIndex>? _index;

    private GalleryShard(IGalleryStore store, GalleryManifest manifest, ImageId[] ids, ImageIndex images, long memory)
        => (_store, _manifest, _ids, _images, _memory) = (store, manifest, ids, images, memory);

    /// <param name="ids">The shard's images, ascending.</param>
    /// <param name="memory">Bytes of level data that may be in memory at a time. Less than the images of one query need makes
    /// the shard search them in portions; the result is the same.</param>
    /// <exception cref="SpadeException">InvalidArgument: <paramref name="memory"/> is less than two images need.</exception>
    public static async ValueTask<GalleryShard> LoadAsync(IGalleryStore store, GalleryManifest manifest, IEnumerable<ImageId> ids, long memory = DefaultMemory, CancellationToken cancellationToken = default)
    {
        long needed = 2 * PyramidBytes(manifest);
        if (memory < needed)
            throw new SpadeException(SpadeError.InvalidArgument, $"a shard of category '{manifest.Category}' was given {memory} bytes of memory, but needs {needed} for the features of two images: allow more");
        ImageId[] mine = [.. ids];
        var images = new ImageIndex(manifest.Model.PooledLength, manifest.Weights?.Pooled);
        // In portions: all of them at once, on their way into the index, would take the same memory again.
        foreach (var portion in mine.Chunk(256))
            foreach (var pooled in await store.ReadPooledAsync(manifest.Category, portion, manifest.Model, cancellationToken)) images.Add(pooled);
        return new GalleryShard(store, manifest, mine, images, memory);
    }

    public ValueTask<IReadOnlyList<Neighbour>> NearestAsync(ReadOnlyMemory<float> pooled, int count, ImageId? exclude, CancellationToken cancellationToken = default)
    {
        // One more than asked for, in case the one to leave out is among them. Rows are in order of ids: so are ties.
        var rows = _ids.Length == 0 ? [] : _images.Search([pooled], count + (exclude is null ? 0 : 1), cancellationToken: cancellationToken)[0];
        return ValueTask.FromResult<IReadOnlyList<Neighbour>>([.. rows.Select(r => new Neighbour(_ids[r.Row], r.Distance)).Where(n => n.Id != exclude).Take(count)]);
    }

    public async ValueTask<IReadOnlyList<PixelMatches>> MatchAsync(FeaturePyramid query, IReadOnlyList<GalleryPick> picks, PixelSearchOptions options, CancellationToken cancellationToken = default)
    {
        var (index, pages) = await IndexAsync().WaitAsync(cancellationToken);
        IReadOnlyList<PixelMatches>? merged = null;
        // Pages at hand first: read in any other order, a portion could push out what the next one needs.
        foreach (var portion in picks.OrderByDescending(p => pages.Contains(p.Id)).Chunk(pages.Capacity))
        {
            using var rental = await pages.RentAsync([.. portion.Select(p => p.Id)], cancellationToken);
            (int, PackedPyramid)[] gallery = [.. portion.Select((p, i) => (p.Position, rental.Pages[i]))];
            var found = await Task.Run(() => index.Search(query, gallery, options, cancellationToken), cancellationToken);
            if (merged is null) merged = found;
            else foreach (var (mine, theirs) in merged.Zip(found)) mine.Merge(theirs);
        }
        return merged ?? throw new ArgumentException("nothing to search", nameof(picks));
    }

    private static long PyramidBytes(GalleryManifest manifest) => manifest.Model.Levels.Sum(s => 2L * s.Length);

    /// <summary>Trained on first use, once; after a failure (a store that did not answer) the next call tries again.</summary>
    private Task<PagedIndex> IndexAsync()
    {
        lock (_training)
        {
            if (_index is null or { IsFaulted: true }) _index = Task.Run(TrainAsync);
            return _index;
        }
    }

    /// <summary>The index learns from some of the shard's own images: what it learns changes the speed of a search, not its result.</summary>
    private async Task<PagedIndex> TrainAsync()
    {
        int count = (int)Math.Min(Math.Min(_ids.Length, TrainingImages), _memory / PyramidBytes(_manifest));
        var sample = new FeaturePyramid[count];
        for (int i = 0; i < count; i++) sample[i] = await ReadAsync(_ids[(int)((long)i * _ids.Length / count)]);
        var index = new PixelIndex(new PixelSpace(_manifest.Model.Levels, _manifest.Weights?.Levels), sample);
        // Every image of a model takes the same room. Some is left for queries and the search's own scratch.
        long page = index.Pack(sample[0]).ResidentBytes;
        int capacity = (int)Math.Clamp((_memory - Math.Min(_memory / 4, SearchMemory)) / page, 1, _ids.Length);
        var discarded = new ConcurrentBag<FeaturePyramid>(sample);
        return new PagedIndex(index, new PageCache<PackedPyramid>(capacity, async (id, dropped) =>
        {
            var reuse = dropped?.Features ?? (discarded.TryTake(out var trained) ? trained : null);
            return index.Pack(await ReadAsync(id, reuse));
        }));
    }

    private ValueTask<FeaturePyramid> ReadAsync(ImageId id, FeaturePyramid? discarded = null)
        => _store.ReadPyramidAsync(_manifest.Category, id, _manifest.Model, discarded, CancellationToken.None);

    private sealed record PagedIndex(PixelIndex Index, PageCache<PackedPyramid> Pages);
}
