using System.Collections.Concurrent;
using SpadeCluster.Features;
using SpadeCluster.Neighbors;

namespace SpadeCluster.Galleries;

/// <summary>Some rows of one gallery version within a memory budget: pooled features in memory, level data paged in.</summary>
public sealed class GalleryShard : IGalleryShard, IDisposable
{
    /// <summary>Default limit of the memory of open galleries, in bytes.</summary>
    public const long DefaultMemory = 2_000_000_000;

    private const int TrainingImages = 24;
    private const long SearchMemory = 128L << 20;

    /// <summary>A search for each processor of this process. More at the same time would share the processors, and all of them would end
    /// late; so they wait, in order of arrival.</summary>
    internal static readonly SemaphoreSlim Searches = new(Environment.ProcessorCount);

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
    /// <param name="memory">Upper limit in bytes of the pooled features, the level data in memory and the working memory of a search. If
    /// the level data for one query does not fit, it is searched in portions; the result is the same.</param>
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
        // In portions: reading all of them at once would take the memory of the index twice.
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

    /// <summary>Frees the pooled features, which are outside the managed heap; the garbage collector frees the level data. No call may be
    /// running.</summary>
    public void Dispose()
    {
        _disposed = true;
        _index = null;
        foreach (var (index, _) in _rows) index.Dispose();
    }

    public async ValueTask OpenAsync(CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        await IndexAsync().WaitAsync(cancellationToken);
    }

    public ValueTask<IReadOnlyList<Neighbour>> NearestAsync(ReadOnlyMemory<float> pooled, int count, ImageId? exclude,
        IReadOnlyList<int>? tiles = null, CancellationToken cancellationToken = default)
    {
        // Without its rows the shard would answer with no neighbours, and the gallery would seem smaller than it is.
        ObjectDisposedException.ThrowIf(_disposed, this);
        var found = new List<Neighbour>();
        foreach (int tile in tiles ?? [.. Enumerable.Range(0, _rows.Length)])
        {
            var (index, ids) = _rows[tile];
            // More than asked for, in case the photograph to leave out and its copies are among them. Rows are in order of
            // ids: so are ties.
            int more = exclude is null ? 0 : _tiles.Grid.Orientations.Count;
            var rows = ids.Count == 0 ? [] : index.Search([pooled], count + more, cancellationToken: cancellationToken)[0];
            found.AddRange(rows.Select(r => new Neighbour(ids[r.Row], r.Distance)).Where(n => _tiles[n.Id].Photograph != exclude));
        }
        return ValueTask.FromResult<IReadOnlyList<Neighbour>>([.. found.OrderBy(n => n.Distance).ThenBy(n => n.Id).Take(count)]);
    }

    public async ValueTask<IReadOnlyList<PixelMatches>> MatchAsync(FeaturePyramid query, IReadOnlyList<GalleryPick> picks,
        PixelSearchOptions options, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        var (indexes, pages) = await IndexAsync().WaitAsync(cancellationToken);
        // With a region of interest, what is searched together is of one tile; without one, the index is the same.
        var index = indexes[picks.Count == 0 ? 0 : _tiles[picks[0].Id].Tile];
        IReadOnlyList<PixelMatches>? merged = null;
        // Pages in memory come first: in another order, a portion could drop pages that the next one needs.
        foreach (var portion in picks.OrderByDescending(p => pages.Contains(p.Id)).Chunk(pages.Capacity))
        {
            using var rental = await pages.RentAsync([.. portion.Select(p => p.Id)], cancellationToken);
            (int, PackedPyramid)[] gallery = [.. portion.Select((p, i) => (p.Position, rental.Pages[i]))];
            await Searches.WaitAsync(cancellationToken);
            PixelMatches[] found;
            try
            {
                found = await Task.Run(() => index.Search(query, gallery, options, cancellationToken), cancellationToken);
            }
            finally
            {
                Searches.Release();
            }
            if (merged is null) merged = found;
            else foreach (var (mine, theirs) in merged.Zip(found)) mine.Merge(theirs);
        }
        return merged ?? throw new ArgumentException("nothing to search", nameof(picks));
    }

    /// <summary>Memory for a shard: all that it can use, at most its share, or more if it cannot be opened with that.</summary>
    /// <param name="images">Rows of the shard.</param>
    /// <param name="memory">All available bytes.</param>
    /// <param name="share">Highest number of bytes for one shard.</param>
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

    /// <summary>Bytes with which a shard keeps the level data of all its images, as divided by <see cref="TrainAsync"/>.</summary>
    /// <param name="images">Rows of the shard.</param>
    public static long WholeMemory(FeatureModel model, int images)
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
    /// Approximate working memory of one search: bounds of the pairs of coarsest cells for some tens of images, and the query and its
    /// prepared forms (about eight times a pyramid's bytes); twice, for queries that the garbage collector has not freed yet.
    /// </summary>
    private static long SearchBytes(FeatureModel model) =>
        Math.Min(16L << 20, 256L * model.Levels[^1].Cells * model.Levels[^1].Cells) + 16 * PyramidBytes(model);

    /// <summary>Trained once, on first use; after a failure (a store that did not answer) the next call tries again.</summary>
    private Task<PagedIndex> IndexAsync()
    {
        lock (_training)
        {
            if (_index is null or { IsFaulted: true }) _index = Task.Run(TrainAsync);
            return _index;
        }
    }

    /// <summary>The index learns from some of the shard's own images: this affects the speed of a search, not its result.</summary>
    private async Task<PagedIndex> TrainAsync()
    {
        // The rest is for searches, of which several may run at once.
        long room = _memory - Math.Max(SearchBytes(_manifest.Model), Math.Min(_memory / 4, SearchMemory));
        int count = (int)Math.Min(Math.Min(_ids.Length, TrainingImages), room / PyramidBytes(_manifest.Model));
        var sample = new FeaturePyramid[count];
        await Parallel.ForAsync(0, count, async (i, _) =>
        {
            // The caller may have given up, and the gallery may have been closed.
            ObjectDisposedException.ThrowIf(_disposed, this);
            sample[i] = await ReadAsync(_ids[(int)((long)i * _ids.Length / count)]);
        });
        var index = new PixelIndex(new PixelSpace(_manifest.Model.Levels, _manifest.Weights?.Levels), sample);
        PixelIndex[] indexes = [.. Enumerable.Range(0, _rows.Length)
            .Select(t => _tiles.HasRegion && _tiles.Inspects(t) ? index.Within(_tiles.Region(t)!) : index)];
        // All images of a model need the same memory.
        int capacity = (int)Math.Clamp(room / index.Pack(sample[0]).ResidentBytes, 1, _ids.Length);
        var discarded = new ConcurrentStack<FeaturePyramid>(sample.Take(capacity));
        return new PagedIndex(indexes, new PageCache<PackedPyramid>(capacity, async (id, dropped) =>
        {
            var reuse = dropped?.Features ?? (discarded.TryPop(out var trained) ? trained : null);
            return indexes[_tiles[id].Tile].Pack(await ReadAsync(id, reuse));
        }));
    }

    private ValueTask<FeaturePyramid> ReadAsync(ImageId id, FeaturePyramid? discarded = null)
        => _store.ReadPyramidAsync(_manifest.Category, id, _manifest.Model, discarded, CancellationToken.None);

    /// <param name="Indexes">[tile].</param>
    private sealed record PagedIndex(PixelIndex[] Indexes, PageCache<PackedPyramid> Pages);
}
