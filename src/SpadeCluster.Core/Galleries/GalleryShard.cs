using System.Collections.Concurrent;
using SpadeCluster.Features;
using SpadeCluster.Neighbors;

namespace SpadeCluster.Galleries;

/// <summary>Some rows of one gallery version under a byte budget: pooled features in memory, level data paged in.</summary>
public sealed class GalleryShard : IGalleryShard, IDisposable
{
    /// <summary>Bytes an open gallery may take unless told otherwise.</summary>
    public const long DefaultMemory = 2_000_000_000;

    private const int TrainingImages = 24;
    private const long SearchMemory = 128L << 20;

    private readonly IGalleryStore _store;
    private readonly GalleryManifest _manifest;
    private readonly ImageId[] _ids;
    private readonly GalleryTiles _tiles;

    /// <summary>[tile]: the rows that are this tile of their photographs, ids ascending.</summary>
    private readonly (ImageIndex Index, List<ImageId> Ids)[] _rows;
    private readonly long _memory;
    private readonly Lock _training = new();
    private Task<PagedIndex>? _index;
    private volatile bool _disposed;

    private GalleryShard(IGalleryStore store, GalleryManifest manifest, ImageId[] ids, (ImageIndex, List<ImageId>)[] rows, long memory)
        => (_store, _manifest, _ids, _rows, _memory, _tiles) = (store, manifest, ids, rows, memory, GalleryTiles.Of(manifest));

    /// <param name="ids">The shard's rows, ascending.</param>
    /// <param name="memory">Bytes the shard may take: the pooled features of its images, as much level data as fits beside
    /// them, and what a search works in. Less level data than one query needs makes the shard search it in portions; the
    /// result is the same.</param>
    /// <exception cref="SpadeException">InvalidArgument: <paramref name="memory"/> is less than <see cref="LeastMemory"/>.</exception>
    public static async ValueTask<GalleryShard> LoadAsync(IGalleryStore store, GalleryManifest manifest, IEnumerable<ImageId> ids,
        long memory = DefaultMemory, CancellationToken cancellationToken = default)
    {
        ImageId[] mine = [.. ids];
        CheckMemory(manifest, mine.Length, memory);
        var tiles = GalleryTiles.Of(manifest);
        var rows = new (ImageIndex Index, List<ImageId> Ids)[tiles.Grid.Count];
        int most = mine.Length / rows.Length + 1;
        for (int t = 0; t < rows.Length; t++)
            rows[t] = (new ImageIndex(manifest.Model.PooledLength, manifest.Weights?.Pooled, rows.Length == 1 ? mine.Length : most), []);
        // In portions: all of them at once, on their way into the index, would take the same memory again.
        foreach (var portion in mine.Chunk(256))
        {
            float[][] pooled = await store.ReadPooledAsync(manifest.Category, portion, manifest.Model, cancellationToken);
            for (int i = 0; i < portion.Length; i++)
            {
                var (index, held) = rows[tiles[portion[i]].Tile];
                index.Add(pooled[i]);
                held.Add(portion[i]);
            }
        }
        return new GalleryShard(store, manifest, mine, rows, memory - PooledBytes(manifest.Model, mine.Length));
    }

    /// <summary>Frees the pooled features, which the garbage collector does not see, and leaves the level data to it; no call
    /// may be running.</summary>
    public void Dispose()
    {
        _disposed = true;
        _index = null;
        foreach (var (index, _) in _rows) index.Dispose();
    }

    public ValueTask<IReadOnlyList<Neighbour>> NearestAsync(ReadOnlyMemory<float> pooled, int count, ImageId? exclude,
        IReadOnlyList<int>? tiles = null, CancellationToken cancellationToken = default)
    {
        // Its rows are gone: an answer would be empty, and a gallery would seem to hold less than it does.
        ObjectDisposedException.ThrowIf(_disposed, this);
        var found = new List<Neighbour>();
        foreach (int tile in tiles ?? [.. Enumerable.Range(0, _rows.Length)])
        {
            var (index, ids) = _rows[tile];
            // One more than asked for, in case the photograph to leave out is among them. Rows are in order of ids: so are ties.
            var rows = ids.Count == 0
                ? [] : index.Search([pooled], count + (exclude is null ? 0 : 1), cancellationToken: cancellationToken)[0];
            found.AddRange(rows.Select(r => new Neighbour(ids[r.Row], r.Distance)).Where(n => _tiles[n.Id].Photograph != exclude));
        }
        return ValueTask.FromResult<IReadOnlyList<Neighbour>>([.. found.OrderBy(n => n.Distance).ThenBy(n => n.Id).Take(count)]);
    }

    public async ValueTask<IReadOnlyList<PixelMatches>> MatchAsync(FeaturePyramid query, IReadOnlyList<GalleryPick> picks,
        PixelSearchOptions options, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
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

    /// <summary>Bytes for a shard: all that it can make use of, but no more than its share, unless it cannot be opened with that.</summary>
    /// <param name="images">Rows of the shard.</param>
    /// <param name="memory">Bytes there are.</param>
    /// <param name="share">Bytes that one shard shall take at most.</param>
    /// <exception cref="SpadeException">InvalidArgument: it cannot be opened with all of <paramref name="memory"/>.</exception>
    public static long MemoryFor(GalleryManifest manifest, int images, long memory, long share)
    {
        CheckMemory(manifest, images, memory);
        return Math.Max(LeastMemory(manifest.Model, images), Math.Min(WholeMemory(manifest.Model, images), share));
    }

    private static void CheckMemory(GalleryManifest manifest, int images, long memory)
    {
        long needed = LeastMemory(manifest.Model, images);
        if (memory < needed)
            throw new SpadeException(SpadeError.InvalidArgument,
                $"category '{manifest.Category}' was given {memory / 1e6:0.0} MB of memory for {images} images, but needs "
                + $"{needed / 1e6:0.0} MB: allow more");
    }

    /// <summary>Bytes with which a shard keeps all its images' level data, as <see cref="TrainAsync"/> divides them.</summary>
    internal static long WholeMemory(FeatureModel model, int images)
    {
        long pages = images * PixelIndex.MostResidentBytes(model.Levels);
        return PooledBytes(model, images) + pages + Math.Max(SearchBytes(model), Math.Min(pages / 3, SearchMemory));
    }

    /// <summary>Bytes below which a shard is refused: pooled features, one search, and the level data of two images.</summary>
    internal static long LeastMemory(FeatureModel model, int images) =>
        PooledBytes(model, images) + SearchBytes(model) + 2 * PyramidBytes(model);

    private static long PooledBytes(FeatureModel model, int images) => ImageIndex.ResidentBytes(model.PooledLength, images);

    private static long PyramidBytes(FeatureModel model) => model.Levels.Sum(s => 2L * s.Length);

    /// <summary>
    /// What one search works in, roughly: bounds of the pairs of coarsest cells of some tens of images, and the query, both as
    /// it came and in the forms the levels are compared in (about eight times a pyramid's bytes); as much again for queries
    /// that the garbage collector has not come to yet.
    /// </summary>
    private static long SearchBytes(FeatureModel model) =>
        Math.Min(16L << 20, 256L * model.Levels[^1].Cells * model.Levels[^1].Cells) + 16 * PyramidBytes(model);

    /// <summary>Trained on first use, once; after a failure (a store that did not answer) the next call tries again.</summary>
    private Task<PagedIndex> IndexAsync()
    {
        lock (_training)
        {
            if (_index is null or { IsFaulted: true }) _index = Task.Run(TrainAsync);
            return _index;
        }
    }

    /// <summary>The index learns from some of the shard's own images: what it learns changes the speed of a search, not its
    /// result.</summary>
    private async Task<PagedIndex> TrainAsync()
    {
        // Some is left for searches, of which several may run at once.
        long room = _memory - Math.Max(SearchBytes(_manifest.Model), Math.Min(_memory / 4, SearchMemory));
        int count = (int)Math.Min(Math.Min(_ids.Length, TrainingImages), room / PyramidBytes(_manifest.Model));
        var sample = new FeaturePyramid[count];
        for (int i = 0; i < count; i++)
        {
            // Who asked for it may have given up, and the gallery been closed since.
            ObjectDisposedException.ThrowIf(_disposed, this);
            sample[i] = await ReadAsync(_ids[(int)((long)i * _ids.Length / count)]);
        }
        var index = new PixelIndex(new PixelSpace(_manifest.Model.Levels, _manifest.Weights?.Levels, _manifest.Region?.Cells), sample);
        // Every image of a model takes the same room.
        int capacity = (int)Math.Clamp(room / index.Pack(sample[0]).ResidentBytes, 1, _ids.Length);
        var discarded = new ConcurrentStack<FeaturePyramid>(sample.Take(capacity));
        return new PagedIndex(index, new PageCache<PackedPyramid>(capacity, async (id, dropped) =>
        {
            var reuse = dropped?.Features ?? (discarded.TryPop(out var trained) ? trained : null);
            return index.Pack(await ReadAsync(id, reuse));
        }));
    }

    private ValueTask<FeaturePyramid> ReadAsync(ImageId id, FeaturePyramid? discarded = null)
        => _store.ReadPyramidAsync(_manifest.Category, id, _manifest.Model, discarded, CancellationToken.None);

    private sealed record PagedIndex(PixelIndex Index, PageCache<PackedPyramid> Pages);
}
