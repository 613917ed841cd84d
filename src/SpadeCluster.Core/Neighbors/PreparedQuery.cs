using SpadeCluster.Features;

namespace SpadeCluster.Neighbors;

/// <summary>
/// The query's side of one search, reused from query to query: widened rows for the definition, and the codes that the
/// bounds need at every depth of the chain.
/// </summary>
internal sealed unsafe class PreparedQuery
{
    private const int SlotsPerItem = 64;
    private readonly PixelIndex _index;
    private readonly LevelChain _chain;
    private readonly Level[] _levels;
    private readonly (int Depth, int First)[] _items;

    public PreparedQuery(PixelIndex index, LevelChain chain)
    {
        (_index, _chain) = (index, chain);
        _levels = [.. chain.Depths.Select((d, i) => new Level(d, i == 0, index.Sketches[d.Level]))];
        _items = [.. chain.Depths.SelectMany((d, i) =>
            Enumerable.Range(0, (d.Slots + SlotsPerItem - 1) / SlotsPerItem).Select(k => (i, k * SlotsPerItem)))];
    }

    /// <summary>Groups of 16 root slots, the last one padded.</summary>
    public int RootGroups => (_chain.Depths[0].Slots + RootKernel.Group - 1) / RootKernel.Group;

    public short* RootCodes => _levels[0].Codes.Pointer;
    public float* RootTerms => _levels[0].Terms.Pointer;

    public float* Row(int depth, int cell) => _levels[depth].Rows.Pointer + (long)cell * _chain.Depths[depth].RowLength;

    /// <summary>The sketches of a depth below the root.</summary>
    public QuadRows Sketch(int depth) => _levels[depth].Sketch;

    /// <summary>All channels of a depth below the root; prepared on first use, because few searches need them.</summary>
    public QuadRows Full(int depth)
    {
        var level = _levels[depth];
        if (!Volatile.Read(ref level.FullReady))
        {
            lock (level)
            {
                if (!level.FullReady) PrepareFull(depth);
                Volatile.Write(ref level.FullReady, true);
            }
        }
        return level.Full;
    }

    public void Prepare(FeaturePyramid query, int threads, CancellationToken cancellationToken)
    {
        foreach (var level in _levels) level.FullReady = false;
        WorkSharing.Run(threads, _items.Length, cancellationToken, (_, item) =>
        {
            var (depth, first) = _items[item];
            var shape = _chain.Depths[depth];
            var sketch = depth == 0 ? null : _index.Sketches[shape.Level];
            var scratch = new AlignedBuffer<float>(Math.Max(shape.RowLength + shape.RowLength / 2, sketch?.ScratchLength ?? 0));
            int end = Math.Min(first + SlotsPerItem, shape.Slots);
            for (int slot = first; slot < end; slot++)
            {
                if (shape.Cells[slot] is not (var cell and >= 0)) continue;
                HalfConversion.Widen(query.Level(shape.Level).Slice(cell * shape.Shape.Channels, shape.Shape.Channels),
                    new Span<float>(Row(depth, cell), shape.Shape.Channels));
                if (depth == 0) PrepareRoot(slot, scratch);
            }
            for (int slot = first; slot < end && sketch is not null; slot += LevelSketch.Rows) PrepareSketch(sketch, depth, slot, scratch);
            scratch.Dispose();
        });
    }

    private void PrepareRoot(int slot, AlignedBuffer<float> scratch)
    {
        var depth = _chain.Depths[0];
        short* q = (short*)(scratch.Pointer + depth.RowLength);
        var (term, factor) = _index.Quantise(depth, Row(0, depth.Cells[slot]), scratch.Pointer, q);
        int pairs = depth.RowLength / 2, slots = RootGroups * RootKernel.Group;
        (RootTerms[slot], RootTerms[slots + slot]) = (term, 2 * factor);
        int* to = (int*)RootCodes + (long)(slot / RootKernel.Group) * pairs * RootKernel.Group + slot % RootKernel.Group;
        for (int k = 0; k < pairs; k++) to[k * RootKernel.Group] = ((int*)q)[k];
    }

    private void PrepareSketch(LevelSketch sketch, int depth, int slot, AlignedBuffer<float> scratch)
    {
        var level = _levels[depth];
        int[] cells = _chain.Depths[depth].Cells;
        float** rows = stackalloc float*[LevelSketch.Rows];
        for (int j = 0; j < LevelSketch.Rows; j++) rows[j] = cells[slot + j] < 0 ? null : Row(depth, cells[slot + j]);
        sketch.EncodeQuery(rows, scratch.Pointer, level.SketchCodes!.Pointer + (long)slot * sketch.Length,
            level.SketchTerms!.Pointer + slot);
    }

    private void PrepareFull(int depth)
    {
        var (level, shape) = (_levels[depth], _chain.Depths[depth]);
        int pairs = shape.RowLength / 2;
        using var scratch = new AlignedBuffer<float>(shape.RowLength + shape.RowLength / 2);
        short* q = (short*)(scratch.Pointer + shape.RowLength);
        for (int slot = 0; slot < shape.Slots; slot++)
        {
            if (shape.Cells[slot] is not (var cell and >= 0)) continue;
            var (term, factor) = _index.Quantise(shape, Row(depth, cell), scratch.Pointer, q);
            (level.Terms.Pointer[slot], level.Terms.Pointer[shape.Slots + slot]) = (term, 2 * factor);
            int* to = (int*)level.Codes.Pointer + (long)(slot / 4) * pairs * 4 + slot % 4;
            for (int k = 0; k < pairs; k++) to[k * 4] = ((int*)q)[k];
        }
    }

    private sealed class Level
    {
        private readonly LevelChain.Depth _depth;
        private readonly LevelSketch? _sketch;
        private AlignedBuffer<short>? _codes;
        public bool FullReady;

        public Level(LevelChain.Depth depth, bool root, LevelSketch? sketch)
        {
            (_depth, _sketch) = (depth, sketch);
            Rows = new AlignedBuffer<float>((long)depth.Shape.Cells * depth.RowLength);
            int slots = root ? (depth.Slots + RootKernel.Group - 1) / RootKernel.Group * RootKernel.Group : depth.Slots;
            Terms = new AlignedBuffer<float>(2 * slots);
            PaddedSlots = slots;
            if (root) _ = Codes;
            if (root || sketch is null) return;
            SketchCodes = new AlignedBuffer<short>((long)slots * sketch.Length);
            SketchTerms = new AlignedBuffer<float>(2 * slots);
            new Span<float>(SketchTerms.Pointer + slots, slots).Fill(sketch.Scale);
        }

        public int PaddedSlots { get; }
        public AlignedBuffer<float> Rows { get; }
        public AlignedBuffer<float> Terms { get; }

        /// <summary>int16 rows in all channels: at the root by groups, below it by quads.</summary>
        public AlignedBuffer<short> Codes => _codes ??= new AlignedBuffer<short>((long)PaddedSlots * _depth.RowLength);

        public AlignedBuffer<short>? SketchCodes { get; }
        public AlignedBuffer<float>? SketchTerms { get; }

        public QuadRows Sketch => new(SketchCodes!.Pointer, SketchTerms!.Pointer, SketchTerms.Pointer + PaddedSlots, _sketch!.Length / 2);
        public QuadRows Full => new(Codes.Pointer, Terms.Pointer, Terms.Pointer + PaddedSlots, _depth.RowLength / 2);
    }
}
