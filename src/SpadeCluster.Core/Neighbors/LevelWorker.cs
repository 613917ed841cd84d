using System.Numerics;
using System.Runtime.Intrinsics;
using SpadeCluster.Features;

namespace SpadeCluster.Neighbors;

/// <summary>
/// One thread's part of the search of one level. A tile of gallery rows is bounded against two groups of query cells at a
/// time: by their projections, and in all channels if those rule out little. Pairs below their limits are queued,
/// prefetched, and evaluated by the definition after the tile.
/// </summary>
internal sealed unsafe class LevelWorker
{
    /// <summary>If more than one pair in this many passes the projections, bounding all pairs in all channels is cheaper.</summary>
    private const int DenseShare = 24;

    /// <summary>How many tiles skip the projections after one whose projections ruled out too little.</summary>
    private const int DirectTiles = 8;

    private readonly PixelIndex _index;
    private readonly LevelChain.Depth _depth;
    private readonly LevelQuery _query;
    private readonly LevelTile _tile;
    private readonly AlignedBuffer<float> _bounds, _rows;
    private readonly AlignedBuffer<int> _queue;
    private readonly AlignedBuffer<uint> _live;
    private readonly SearchCounts[] _counts = new SearchCounts[1];
    private readonly Limits _limits;
    private SearchWindow? _window;
    /// <summary>How many of the next tiles skip the projections.</summary>
    private int _direct;
    private PackedPyramid _image = null!;
    private int _position;
    private float[] _shared = null!;
    private PixelMatches _matches = null!;

    public LevelWorker(PixelIndex index, LevelChain chain, LevelQuery query)
    {
        (_index, _depth, _query) = (index, chain.Depths[0], query);
        _limits = new Limits(chain);
        _tile = new LevelTile(index, _depth, index.Projection(_depth.Level));
        _bounds = new AlignedBuffer<float>(RootKernel.TileRows * RootKernel.Group);
        _live = new AlignedBuffer<uint>(RootKernel.TileRows);
        _rows = new AlignedBuffer<float>((long)RootKernel.TileRows * _depth.RowLength);
        _queue = new AlignedBuffer<int>(2L * RootKernel.TileRows * query.Slots);
    }

    /// <summary>[0]: what was done since <see cref="Start"/>.</summary>
    public ReadOnlySpan<SearchCounts> Counts => _counts;

    /// <param name="shared">[slot]: upper bounds of the final distances, shared by all threads.</param>
    /// <param name="dense">Bound every pair in all channels, as if nothing could be pruned.</param>
    /// <param name="window">Which pairs may meet; null: all.</param>
    public void Start(float[] shared, bool dense, SearchWindow? window)
    {
        _window = window;
        (_shared, _direct) = (shared, dense || _index.Projection(_depth.Level) is null ? int.MaxValue : 0);
        Array.Clear(_counts);
    }

    /// <summary>Turns to one gallery image; candidates go to <paramref name="matches"/>.</summary>
    public void Enter(int position, PackedPyramid image, PixelMatches matches)
    {
        (_position, _image, _matches) = (position, image, matches);
        _limits.Refresh(_shared, matches, position);
    }

    /// <summary>Compares all query cells with the tile from <paramref name="first"/> on.</summary>
    public void Visit(int first)
    {
        bool projecting = _direct == 0;
        if (_direct is > 0 and < int.MaxValue) _direct--;
        Load(first, projecting);
        int queued = 0, dense = 0, groups = _query.Slots / RootKernel.Group;
        for (int group = 0; group < groups; group += 2)
        {
            int width = Math.Min(2, groups - group);
            if (_window?.MayMeet(first / RootKernel.TileRows, group / 2) == false) continue;
            int live = Below(projecting, group, width);
            if (projecting && live * DenseShare > _tile.Count * width * RootKernel.Group)
            {
                dense++;
                live = Below(false, group, width);
            }
            if (live > 0) queued = Enqueue(first, group, queued);
        }
        if (4 * dense > groups) _direct = DirectTiles;
        Evaluate(first, queued);
    }

    /// <summary>Keeps, for every query slot, the smallest bound by projections over a tile and the gallery slot it came from.</summary>
    public void Seed(int first, float* least, int* leastAt)
    {
        Load(first, project: true);
        var query = _query.Projected;
        for (int slot = 0; slot < _query.Slots; slot += RootKernel.Group)
        {
            RootKernel.Bound(query.Codes + (long)slot * 2 * query.Pairs, query.Terms + slot, query.Factors + slot, 1,
                _tile.Codes, _tile.CodeTerms, _tile.Count, query.Pairs, _bounds.Pointer, RootKernel.Group, _index.Path);
            _counts[0].Projected += (long)_tile.Count * Math.Min(RootKernel.Group, _depth.Slots - slot);
            for (int r = 0; r < _tile.Count; r++)
            {
                if (_depth.Cells[first + r] < 0) continue;
                for (int i = 0; i < RootKernel.Group; i += 8)
                {
                    Vector256<float> bound = Vector256.Load(_bounds.Pointer + r * RootKernel.Group + i),
                        known = Vector256.Load(least + slot + i);
                    var less = Vector256.LessThan(bound, known);
                    Vector256.ConditionalSelect(less, bound, known).Store(least + slot + i);
                    Vector256.ConditionalSelect(less.AsInt32(), Vector256.Create(first + r), Vector256.Load(leastAt + slot + i))
                        .Store(leastAt + slot + i);
                }
            }
        }
    }

    /// <summary>The distance of two slots.</summary>
    public float Distance(PackedPyramid image, int gallerySlot, int slot)
    {
        Widen(image, gallerySlot, _rows.Pointer);
        return Distance(_rows.Pointer, slot);
    }

    private void Load(int first, bool project)
    {
        _counts[0].Bytes += _tile.Load(_image.Features, first);
        if (project) _tile.Project();
    }

    /// <summary>Bounds the loaded tile against one or two groups; returns how many pairs are below their limits.</summary>
    private int Below(bool projected, int group, int width)
    {
        var query = projected ? _query.Projected : _query.Full;
        int slot = group * RootKernel.Group, slots = width * RootKernel.Group;
        (projected ? ref _counts[0].Projected : ref _counts[0].Bounded) += (long)_tile.Count * Math.Min(slots, _depth.Slots - slot);
        return RootKernel.Below(query.Codes + (long)slot * 2 * query.Pairs, query.Terms + slot, query.Factors + slot, _limits.At(0) + slot,
            slots,
            projected ? _tile.Codes : _tile.Rows, projected ? _tile.CodeTerms : _tile.Terms, _tile.Count, query.Pairs, _live.Pointer,
            _index.Path);
    }

    /// <summary>Queues the live pairs; returns the new length of the queue.</summary>
    private int Enqueue(int first, int group, int queued)
    {
        for (int r = 0; r < _tile.Count; r++)
        {
            if (_depth.Cells[first + r] < 0) continue;
            for (uint live = _live.Pointer[r]; live != 0; live &= live - 1)
            {
                int slot = group * RootKernel.Group + BitOperations.TrailingZeroCount(live);
                if (_window?.Allows(0, first + r, slot) == false) continue;
                (_queue.Pointer[2 * queued], _queue.Pointer[2 * queued + 1]) = (r, slot);
                queued++;
            }
        }
        return queued;
    }

    private void Evaluate(int first, int queued)
    {
        int* queue = _queue.Pointer;
        int[] cells = _depth.Cells;
        float* limits = _limits.At(0);
        uint ready = 0;
        for (int n = 0; n < queued; n++)
        {
            if (n + 1 < queued) Prefetch.Bytes(_query.Row(cells[queue[2 * n + 3]]), sizeof(float) * _depth.RowLength);
            int r = queue[2 * n], slot = queue[2 * n + 1], cell = cells[slot];
            float* row = _rows.Pointer + (long)r * _depth.RowLength;
            if ((ready >> r & 1) == 0) Widen(_image, first + r, row);
            ready |= 1u << r;
            float distance = Distance(row, slot);
            if (distance >= limits[slot]) continue;
            _matches.Offer(cell, distance, _position, cells[first + r]);
            float known = _matches.Distances[(cell + 1) * _matches.Kappa - 1];
            if (known < _shared[slot]) _shared[slot] = known;
            limits[slot] = MathF.Min(limits[slot], float.BitIncrement(known));
        }
    }

    private float Distance(float* row, int slot)
    {
        _counts[0].Exact++;
        float* weights = _index.Weights[_depth.Level] is { } w ? w.Pointer : null;
        return PixelDistance.Squared(_query.Row(_depth.Cells[slot]), row, weights, _depth.RowLength, _index.Path);
    }

    private void Widen(PackedPyramid image, int slot, float* row)
    {
        int channels = _depth.Shape.Channels;
        HalfConversion.Widen(image.Features.Level(_depth.Level).Slice(_depth.Cells[slot] * channels, channels),
            new Span<float>(row, channels));
    }
}
