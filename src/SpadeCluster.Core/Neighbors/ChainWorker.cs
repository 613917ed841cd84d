using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using SpadeCluster.Features;

namespace SpadeCluster.Neighbors;

/// <summary>
/// One thread's part of a search. It descends the gallery's hierarchy with a list of the query cells that may still gain
/// from it: under a gallery cell, each quad of children is expanded once and bounded against the quads of all listed query
/// cells; what stays below the limits becomes the children's lists. What reaches the finest level below its limit is
/// evaluated by the definition, and so are, once, coarser pairs whose children's sketches could not rule them out.
/// </summary>
internal sealed unsafe class ChainWorker
{
    /// <summary>When at least this share of lanes survives the sketches of a list, all channels are bounded at once, which
    /// costs less than evaluating the survivors one by one.</summary>
    private const int DenseShare = 4, DenseEntries = 8;

    private readonly PixelIndex _index;
    private readonly LevelChain _chain;
    private readonly PreparedQuery _query;
    private readonly SimdPath _path;
    private readonly CandidateList[] _lists;
    private readonly SearchCounts[] _counts;
    private readonly RootTile _tile;
    private bool _dense;
    private PackedPyramid _image = null!;
    private int _position;
    private float[] _shared = null!;
    private PixelMatches _matches = null!;

    public ChainWorker(PixelIndex index, LevelChain chain, PreparedQuery query)
    {
        (_index, _chain, _query, _path) = (index, chain, query, index.Path);
        Limits = new Limits(chain);
        _tile = new RootTile(index, chain, query);
        _lists = [.. chain.Depths.Select((d, i) => new CandidateList(d, i, index.Sketches[d.Level]?.Length ?? 0))];
        _counts = new SearchCounts[_lists.Length];
    }

    public Limits Limits { get; }

    /// <summary>[depth]: what was done since <see cref="Start"/>.</summary>
    public ReadOnlySpan<SearchCounts> Counts => _counts;

    /// <param name="shared">[finest slot]: upper bounds of the final distances, shared by all threads.</param>
    /// <param name="dense">Bound every pair in all channels, as if nothing could be pruned.</param>
    public void Start(float[] shared, bool dense)
    {
        (_shared, _dense) = (shared, dense);
        Array.Clear(_counts);
    }

    /// <summary>Turns to one gallery image; candidates go to <paramref name="matches"/>.</summary>
    public void Enter(int position, PackedPyramid image, PixelMatches matches) => (_position, _image, _matches) = (position, image, matches);

    /// <summary>Root bounds of the image's slots from <paramref name="first"/> on; returns how many.</summary>
    public int BoundTile(int first, float* bounds) => _tile.Bound(_image, first, bounds, ref _counts[0]);

    /// <summary>Visits a gallery root slot with every query root slot whose bound is below its limit.</summary>
    /// <param name="bounds">[query root slot], padded to <paramref name="padded"/>.</param>
    public void VisitRoot(int q, float* bounds, int padded)
    {
        var list = _lists[0];
        float* limits = Limits.At(0);
        int n = 0;
        for (int p = 0; p < padded; p += RootKernel.Group)
        {
            uint live = _dense && _lists.Length > 1 ? 0xFFFF & Exists(limits + p) : Below(bounds + p, limits + p);
            for (; live != 0; live &= live - 1)
            {
                int slot = p + BitOperations.TrailingZeroCount(live);
                list.Set(n++, slot, bounds[slot], 0);
            }
        }
        if (n > 0) Enter(0, q, n, sketched: false);
    }

    /// <summary>Visits one pair of root slots.</summary>
    public void VisitPair(int q, int p, float bound)
    {
        if (bound >= Limits.At(0)[p]) return;
        _lists[0].Set(0, p, bound, 0);
        Enter(0, q, 1, sketched: false);
    }

    private void Enter(int depth, int q, int count, bool sketched)
    {
        var list = _lists[depth];
        (list.GallerySlot, list.RowReady, list.Count, list.Sketched) = (q, false, count, sketched);
        if (depth == _chain.Finest) EvaluateFinest(depth);
        else DescendQuads(depth);
    }

    private void EvaluateFinest(int depth)
    {
        var list = _lists[depth];
        int[] cells = _chain.Depths[depth].Cells;
        int galleryCell = cells[list.GallerySlot];
        float* limits = Limits.At(depth);
        for (int n = 0; n < list.Count; n++)
        {
            int slot = list.Slots[n];
            if (list.Sums[n] >= limits[slot]) continue;
            float distance = Evaluate(depth, n);
            if (distance >= limits[slot]) continue;
            int cell = cells[slot], last = cell * _matches.Kappa + _matches.Kappa - 1;
            _matches.Offer(cell, distance, _position, galleryCell);
            float known = _matches.Distances[last];
            if (known < _shared[slot]) _shared[slot] = known;
            if (float.BitIncrement(known) is var limit && limit < limits[slot]) Limits.Lower(slot, limit);
        }
    }

    private void DescendQuads(int depth)
    {
        CandidateList list = _lists[depth], children = _lists[depth + 1];
        var child = _chain.Depths[depth + 1];
        int fan = child.QuadsPerParent;
        for (int quad = list.GallerySlot * fan; quad < (list.GallerySlot + 1) * fan; quad++)
        {
            ushort lanes = child.QuadLanes[quad];
            if (lanes == 0) continue;
            int entries = 0;
            for (int n = 0; n < list.Count; n++)
                for (int k = 0; k < fan; k++)
                    children.SetEntry(entries++, list.Slots[n] * fan + k, list.Sums[n], n);

            bool sketched = BoundQuad(depth + 1, quad, entries, lanes);
            int live = children.CompactLive(entries);
            if (live == 0) continue;
            if (list.Sketched && sketched)
            {
                for (int e = 0; e < live; e++)
                    list.Sums[children.Parents[e]] = Evaluate(depth, children.Parents[e]);
            }
            for (int j = 0; j < 4; j++)
            {
                int count = Collect(list, children, live, j);
                if (count > 0) Enter(depth + 1, 4 * quad + j, count, sketched);
            }
        }
    }

    /// <summary>Bounds one gallery quad against all entries; false when in all channels rather than by sketches.</summary>
    private bool BoundQuad(int depth, int quad, int entries, ushort lanes)
    {
        var children = _lists[depth];
        float* limits = Limits.At(depth);
        if (!_dense && _index.Sketches[_chain.Depths[depth].Level] is { } sketch)
        {
            ExpandSketch(depth, quad, sketch);
            BlockKernel.Bound(children.Gallery, _query.Sketch(depth), children.Quads, children.Coarse, entries, limits, lanes, children.Bounds, children.Live, _path);
            _counts[depth].Sketched += 16L * entries;
            if (entries < DenseEntries) return true;
            int live = 0;
            for (int e = 0; e < entries; e++) live += BitOperations.PopCount(children.Live[e]);
            if (live < 16 / DenseShare * entries) return true;
        }
        ExpandRows(depth, quad);
        BlockKernel.Bound(children.Gallery, _query.Full(depth), children.Quads, children.Coarse, entries, limits, lanes, children.Bounds, children.Live, _path);
        _counts[depth].Bounded += 16L * entries;
        if (_dense && depth < _chain.Finest)
            for (int e = 0; e < entries; e++) children.Live[e] = lanes;
        return false;
    }

    /// <summary>The live pairs of gallery slot <paramref name="j"/> of the quad, as the list of the next depth.</summary>
    private int Collect(CandidateList list, CandidateList children, int live, int j)
    {
        float* limits = Limits.At(children.Depth);
        int count = 0;
        for (int e = 0; e < live; e++)
        {
            float coarse = list.Sums[children.Parents[e]];
            for (uint row = (uint)children.Live[e] >> (4 * j) & 0xF; row != 0; row &= row - 1)
            {
                int i = BitOperations.TrailingZeroCount(row), slot = 4 * children.Quads[e] + i;
                float sum = coarse + children.Bounds[16 * children.Entries[e] + 4 * j + i];
                if (!(sum >= limits[slot]) || _dense) children.Set(count++, slot, sum, children.Parents[e]);
            }
        }
        return count;
    }

    /// <summary>The exact sum of all levels down to <paramref name="depth"/> of listed pair <paramref name="n"/>.</summary>
    private float Evaluate(int depth, int n)
    {
        var list = _lists[depth];
        if (!float.IsNaN(list.Exact[n])) return list.Exact[n];
        var shape = _chain.Depths[depth];
        if (!list.RowReady)
        {
            int channels = shape.Shape.Channels;
            HalfConversion.Widen(_image.Features.Level(shape.Level).Slice(shape.Cells[list.GallerySlot] * channels, channels), new Span<float>(list.Row, channels));
            list.RowReady = true;
            _counts[depth].Bytes += 2L * channels;
        }
        float* weights = _index.Weights[shape.Level] is { } w ? w.Pointer : null;
        float own = PixelDistance.Squared(_query.Row(depth, shape.Cells[list.Slots[n]]), list.Row, weights, shape.RowLength, _path);
        _counts[depth].Exact++;
        // 0 + own is own, so the sum starts with the coarsest level, as the definition says.
        return list.Exact[n] = depth == 0 ? own : Evaluate(depth - 1, list.Ancestors[n]) + own;
    }

    private void ExpandSketch(int depth, int quad, LevelSketch sketch)
    {
        var gallery = _lists[depth].Gallery;
        int level = _chain.Depths[depth].Level;
        fixed (sbyte* codes = &MemoryMarshal.GetArrayDataReference(_image.Codes[level]!))
            gallery.Expand(codes + (long)quad * 4 * sketch.Length, sketch.Length / 2, _path);
        Half[] terms = _image.Terms[level]!;
        for (int j = 0; j < 4; j++) gallery.SetTerm(j, sketch.GalleryTerm(terms[4 * quad + j]), 1);
        _counts[depth].Bytes += 4L * (sketch.Length + 2);
    }

    private void ExpandRows(int depth, int quad)
    {
        var list = _lists[depth];
        var shape = _chain.Depths[depth];
        int channels = shape.Shape.Channels;
        for (int j = 0; j < 4; j++)
        {
            if (shape.Cells[4 * quad + j] is not (var cell and >= 0)) continue;
            var (term, factor) = _index.Quantise(shape, _image.Features.Level(shape.Level).Slice(cell * channels, channels), list.Scratch, list.Codes);
            list.Gallery.ExpandRow(list.Codes, j, shape.RowLength / 2);
            list.Gallery.SetTerm(j, term, factor);
            _counts[depth].Bytes += 2L * channels;
        }
    }

    /// <summary>Lanes of 16 whose bound is not at or above the limit.</summary>
    private static uint Below(float* bounds, float* limits) =>
        0xFFFF & ~(Vector256.GreaterThanOrEqual(Vector256.Load(bounds), Vector256.Load(limits)).ExtractMostSignificantBits()
            | Vector256.GreaterThanOrEqual(Vector256.Load(bounds + 8), Vector256.Load(limits + 8)).ExtractMostSignificantBits() << 8);

    /// <summary>Lanes of 16 that are no padding.</summary>
    private static uint Exists(float* limits)
    {
        uint lanes = 0;
        for (int i = 0; i < 16; i++) lanes |= limits[i] > float.NegativeInfinity ? 1u << i : 0;
        return lanes;
    }
}
