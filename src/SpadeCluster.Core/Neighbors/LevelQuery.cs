using SpadeCluster.Features;

namespace SpadeCluster.Neighbors;

/// <summary>The query's side of the root kernel: [group][pair][16][2] int16, and per slot a term and a factor.</summary>
internal unsafe readonly struct GroupRows(short* codes, float* terms, float* factors, int pairs)
{
    public readonly short* Codes = codes;
    public readonly float* Terms = terms, Factors = factors;
    public readonly int Pairs = pairs;

    /// <summary>Stores one row. <paramref name="factor"/> includes every constant that multiplies the product.</summary>
    public void Set(int slot, short* row, float term, float factor)
    {
        (Terms[slot], Factors[slot]) = (term, factor);
        int* from = (int*)row, to = (int*)Codes + (long)(slot / RootKernel.Group) * Pairs * RootKernel.Group + slot % RootKernel.Group;
        for (int k = 0; k < Pairs; k++) to[k * RootKernel.Group] = from[k];
    }
}

/// <summary>The query's side of the search of one level, reused from query to query.</summary>
internal sealed unsafe class LevelQuery
{
    private readonly PixelIndex _index;
    private readonly LevelChain.Depth _depth;
    private readonly LevelProjection? _projection;
    private readonly AlignedBuffer<float> _rows, _terms;
    private readonly AlignedBuffer<short> _codes;

    public LevelQuery(PixelIndex index, LevelChain.Depth depth)
    {
        (_index, _depth, _projection) = (index, depth, index.Projection(depth.Level));
        Slots = (depth.Slots + RootKernel.Group - 1) / RootKernel.Group * RootKernel.Group;
        int length = _projection?.Length ?? 0;
        _rows = new AlignedBuffer<float>((long)depth.Shape.Cells * depth.RowLength);
        _codes = new AlignedBuffer<short>((long)Slots * (depth.RowLength + length));
        _terms = new AlignedBuffer<float>(4L * Slots);
        Full = new GroupRows(_codes.Pointer, _terms.Pointer, _terms.Pointer + Slots, depth.RowLength / 2);
        Projected = new GroupRows(_codes.Pointer + (long)Slots * depth.RowLength, _terms.Pointer + 2 * Slots, _terms.Pointer + 3 * Slots,
            length / 2);
    }

    /// <summary>Slots, padded to whole groups.</summary>
    public int Slots { get; }

    public GroupRows Full { get; }

    /// <summary>Empty where the level has no projection.</summary>
    public GroupRows Projected { get; }

    /// <summary>A cell's row, widened and padded.</summary>
    public float* Row(int cell) => _rows.Pointer + (long)cell * _depth.RowLength;

    public void Prepare(FeaturePyramid query, int threads, CancellationToken cancellationToken)
    {
        int channels = _depth.Shape.Channels, tiles = (_depth.Slots + RootKernel.TileRows - 1) / RootKernel.TileRows;
        var scratch = new LevelTile?[threads];
        WorkSharing.Run(threads, tiles, cancellationToken, (t, item) =>
        {
            var tile = scratch[t] ??= new LevelTile(_index, _depth, _projection);
            int first = item * RootKernel.TileRows;
            tile.Load(query, first);
            if (_projection is not null) tile.Project();
            for (int r = 0; r < tile.Count; r++)
            {
                if (_depth.Cells[first + r] is not (var cell and >= 0)) continue;
                HalfConversion.Widen(query.Level(_depth.Level).Slice(cell * channels, channels), new Span<float>(Row(cell), channels));
                Full.Set(first + r, tile.Rows + (long)r * _depth.RowLength, tile.Terms[r], 2 * tile.Terms[RootKernel.TileRows + r]);
                if (_projection is not null)
                    Projected.Set(first + r, tile.Codes + (long)r * _projection.Length, tile.CodeTerms[r],
                        _projection.Scale * tile.CodeTerms[RootKernel.TileRows + r]);
            }
        });
        foreach (var tile in scratch) GC.KeepAlive(tile);
    }
}
