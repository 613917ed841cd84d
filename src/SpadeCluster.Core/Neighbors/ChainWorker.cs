using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace SpadeCluster.Neighbors;

/// <summary>
/// One thread's part of a search. It descends the gallery's hierarchy with a list of the query cells that may still gain
/// from it: under a gallery cell, each quad of children is expanded once and bounded against the quads of all listed query
/// cells; pairs below their limits become the children's lists. Pairs that reach the finest level are evaluated by the
/// definition, and so are, once, coarser pairs whose children's sketches could not rule them out (<see cref="ChainEvaluation"/>).
/// </summary>
internal sealed unsafe class ChainWorker
{
    /// <summary>When an entry keeps this many of its 16 lanes on average and the list is long enough to pay for expanding
    /// the gallery's rows, all channels are bounded at once, which costs less than following the survivors one by one.</summary>
    private const int DenseLanes = 2, DenseEntries = 8;

    private readonly PixelIndex _index;
    private readonly LevelChain _chain;
    private readonly PreparedQuery _query;
    private readonly SimdPath _path;
    private readonly CandidateList[] _lists;
    private readonly ChainEvaluation _evaluation;
    private readonly SearchCounts[] _counts;
    private readonly LevelTile _tile;
    private bool _dense;
    private SearchWindow? _window;
    private (float[] Penalties, (int First, int Last)[] Met)? _root;
    private PackedPyramid _image = null!;

    public ChainWorker(PixelIndex index, LevelChain chain, PreparedQuery query)
    {
        (_index, _chain, _query, _path) = (index, chain, query, index.Path);
        Limits = new Limits(chain);
        _tile = new LevelTile(index, chain.Depths[0]);
        _lists = [.. chain.Depths.Select((d, i) => new CandidateList(d, i, index.Sketches[d.Level]?.Length ?? 0))];
        _counts = new SearchCounts[_lists.Length];
        _evaluation = new ChainEvaluation(index, chain, query, _lists, Limits, _counts);
    }

    public Limits Limits { get; }

    /// <summary>[depth]: what was done since <see cref="Start"/>.</summary>
    public ReadOnlySpan<SearchCounts> Counts => _counts;

    /// <param name="shared">[finest slot]: upper bounds of the final distances, shared by all threads.</param>
    /// <param name="dense">Bound every pair in all channels, as if nothing could be pruned.</param>
    /// <param name="window">Which pairs may meet; null: all.</param>
    /// <param name="root">The window at the root.</param>
    public void Start(float[] shared, bool dense, SearchWindow? window, (float[] Penalties, (int First, int Last)[] Met)? root)
    {
        (_dense, _window, _root) = (dense, window, root);
        _evaluation.Start(shared);
        Array.Clear(_counts);
    }

    /// <summary>Turns to one gallery image; candidates go to <paramref name="matches"/>.</summary>
    public void Enter(int position, PackedPyramid image, PixelMatches matches)
    {
        _image = image;
        _evaluation.Enter(position, image, matches);
    }

    /// <summary>Root bounds of the image's slots from <paramref name="first"/> on; returns how many.</summary>
    public int BoundTile(int first, float* bounds)
    {
        int stride = _query.RootGroups * RootKernel.Group;
        if (_root is not null)
            new Span<float>(bounds, Math.Min(RootKernel.TileRows, _chain.Depths[0].Slots - first) * stride).Fill(float.PositiveInfinity);
        _counts[0].Bytes += _tile.Load(_image.Features, first);
        var (from, to) = Groups(first);
        int slot = from * RootKernel.Group, length = _chain.Depths[0].RowLength;
        if (to <= from) return _tile.Count;
        _counts[0].Bounded += (long)_tile.Count * (Math.Min(to * RootKernel.Group, _chain.Depths[0].Slots) - slot);
        RootKernel.Bound(_query.RootCodes + (long)slot * length, _query.RootTerms + slot, _query.RootTerms + stride + slot, to - from,
            _tile.Rows, _tile.Terms, _tile.Count, length / 2, bounds + slot, stride, _path);
        if (_root is { Penalties: var penalties })
            for (int r = 0; r < _tile.Count; r++)
                for (int p = slot; p < to * RootKernel.Group; p++) bounds[r * stride + p] += penalties[(first + r) * stride + p];
        return _tile.Count;
    }

    /// <summary>The groups of query slots that the tile from <paramref name="first"/> on may meet.</summary>
    private (int From, int To) Groups(int first)
    {
        if (_root is not { Met: var met }) return (0, _query.RootGroups);
        var (low, high) = (int.MaxValue, -1);
        for (int slot = first; slot < first + _tile.Count; slot++)
            (low, high) = (Math.Min(low, met[slot].First), Math.Max(high, met[slot].Last));
        return (low / RootKernel.Group, high / RootKernel.Group + 1);
    }

    /// <summary>Visits a gallery root slot with every query root slot whose bound is below its limit.</summary>
    /// <param name="bounds">[query root slot], padded to <paramref name="padded"/>.</param>
    public void VisitRoot(int q, float* bounds, int padded)
    {
        var list = _lists[0];
        float* limits = Limits.At(0);
        int n = 0;
        for (int p = 0; p < padded; p += RootKernel.Group)
        {
            uint live = _dense ? 0xFFFF & Exists(limits + p) : Below(bounds + p, limits + p);
            for (; live != 0; live &= live - 1)
            {
                int slot = p + BitOperations.TrailingZeroCount(live);
                // Outside the search window.
                if (float.IsPositiveInfinity(bounds[slot])) continue;
                (list.Slots[n], list.Sums[n]) = (slot, bounds[slot]);
                n++;
            }
        }
        new Span<float>(list.Exact, n).Fill(float.NaN);
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
        if (depth == _chain.Finest) _evaluation.EvaluateFinest();
        else DescendQuads(depth);
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
            int entries = children.SetEntries(list, fan);
            // If the list stays long, all rows of this quad are probably read; otherwise only those with live lanes, prefetched below.
            if (list.Count >= DenseEntries) PrefetchRows(depth + 1, quad, lanes);
            var sketch = _dense ? null : _index.Sketches[child.Level];
            int live = entries;
            if (sketch is not null)
            {
                ExpandSketch(depth + 1, quad, sketch);
                Bound(depth + 1, _query.Sketch(depth + 1), entries, lanes, ref _counts[depth + 1].Sketched);
                live = children.CompactLive(entries);
                if (list.Sketched) live = Tighten(depth, live);
                if (live == 0) continue;
            }
            bool sketched = sketch is not null && !IsDense(children, live);
            if (!sketched)
            {
                // Compaction kept every entry's parent and quad; the parent's sum may have grown since.
                for (int e = 0; e < live; e++) children.Coarse[e] = list.Sums[children.Parents[e]];
                ExpandRows(depth + 1, quad);
                Bound(depth + 1, _query.Full(depth + 1), live, lanes, ref _counts[depth + 1].Bounded);
                if (_dense && depth + 1 < _chain.Finest) new Span<ushort>(children.Live, live).Fill(lanes);
                live = children.CompactLive(live);
            }
            if (list.Count < DenseEntries)
            {
                uint wanted = 0;
                for (int e = 0; e < live; e++) wanted |= children.Live[e];
                PrefetchRows(depth + 1, quad, wanted);
            }
            for (int j = 0; j < 4; j++)
            {
                int count = Collect(list, children, live, 4 * quad + j);
                if (count > 0) Enter(depth + 1, 4 * quad + j, count, sketched);
            }
        }
    }

    private void Bound(int depth, in QuadRows query, int entries, ushort lanes, ref long count)
    {
        var list = _lists[depth];
        BlockKernel.Bound(list.Gallery, query, list.Quads, list.Coarse, entries, Limits.At(depth), lanes, list.Bounds, list.Live, _path);
        count += 16L * entries;
    }

    /// <summary>Evaluates the listed pairs above the live entries and drops the lanes that their exact sums rule out.</summary>
    private int Tighten(int depth, int live)
    {
        CandidateList list = _lists[depth], children = _lists[depth + 1];
        float* limits = Limits.At(depth + 1);
        int kept = 0;
        for (int e = 0; e < live; e++)
        {
            int parent = children.Parents[e];
            float sum = list.Sums[parent] = _evaluation.Evaluate(depth, parent);
            uint lanes = 0;
            for (uint rest = children.Live[e]; rest != 0; rest &= rest - 1)
            {
                int lane = BitOperations.TrailingZeroCount(rest);
                if (!(sum + children.Bounds[16 * children.Entries[e] + lane] >= limits[4 * children.Quads[e] + lane % 4]))
                    lanes |= 1u << lane;
            }
            if (lanes != 0) children.MoveEntry(e, kept++, (ushort)lanes);
        }
        return kept;
    }

    private static bool IsDense(CandidateList children, int live)
    {
        if (live < DenseEntries) return false;
        int lanes = 0;
        for (int e = 0; e < live; e++) lanes += BitOperations.PopCount(children.Live[e]);
        return lanes >= DenseLanes * live;
    }

    /// <summary>The live pairs of a gallery slot of the quad, as the list of the next depth.</summary>
    private int Collect(CandidateList list, CandidateList children, int live, int gallerySlot)
    {
        int j = gallerySlot % 4;
        float* limits = Limits.At(children.Depth);
        int count = 0;
        for (int e = 0; e < live; e++)
        {
            uint row = (uint)children.Live[e] >> (4 * j) & 0xF;
            if (row == 0) continue;
            int parent = children.Parents[e], first = 4 * children.Quads[e];
            float coarse = list.Sums[parent];
            float* bounds = children.Bounds + 16L * children.Entries[e] + 4 * j;
            // Limits may have shrunk since the block was bounded.
            if (!_dense)
                row &= ~Vector128.GreaterThanOrEqual(Vector128.Load(bounds) + Vector128.Create(coarse), Vector128.Load(limits + first))
                    .ExtractMostSignificantBits();
            for (; row != 0; row &= row - 1)
            {
                int i = BitOperations.TrailingZeroCount(row);
                if (_window?.Allows(children.Depth, gallerySlot, first + i) == false) continue;
                children.Set(count++, first + i, coarse + bounds[i], parent);
            }
        }
        return count;
    }

    /// <summary>Prefetches the rows of a quad's slots that have lanes in <paramref name="lanes"/>.</summary>
    private void PrefetchRows(int depth, int quad, uint lanes)
    {
        var shape = _chain.Depths[depth];
        int channels = shape.Shape.Channels;
        for (int j = 0; j < 4; j++, lanes >>= 4)
            if ((lanes & 0xF) != 0 && shape.Cells[4 * quad + j] is var cell and >= 0)
                Prefetch.Row(_image.Features.Level(shape.Level).Slice(cell * channels, channels));
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
            var (term, factor) = _index.Quantise(shape, _image.Features.Level(shape.Level).Slice(cell * channels, channels), list.Scratch,
                list.Codes);
            list.Gallery.ExpandRow(list.Codes, j, shape.RowLength / 2);
            list.Gallery.SetTerm(j, term, factor);
            _counts[depth].Bytes += 2L * channels;
        }
    }

    /// <summary>The lanes of 16 whose bound is below the limit, or NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Below(float* bounds, float* limits) =>
        0xFFFF & ~(Vector256.GreaterThanOrEqual(Vector256.Load(bounds), Vector256.Load(limits)).ExtractMostSignificantBits()
            | Vector256.GreaterThanOrEqual(Vector256.Load(bounds + 8), Vector256.Load(limits + 8)).ExtractMostSignificantBits() << 8);

    /// <summary>The lanes of 16 that are not padding.</summary>
    private static uint Exists(float* limits)
    {
        uint lanes = 0;
        for (int i = 0; i < 16; i++) lanes |= limits[i] > float.NegativeInfinity ? 1u << i : 0;
        return lanes;
    }
}
