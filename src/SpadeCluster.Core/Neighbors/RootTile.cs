namespace SpadeCluster.Neighbors;

/// <summary>Bounds the query's root cells against one tile of a gallery image's. One per thread.</summary>
internal sealed unsafe class RootTile(PixelIndex index, LevelChain chain, PreparedQuery query)
{
    /// <summary>Rows asked for before they are converted: as long as a few conversions is how long memory takes.</summary>
    private const int Ahead = 3;
    private readonly AlignedBuffer<short> _rows = new((long)RootKernel.TileRows * chain.Depths[0].RowLength);
    private readonly AlignedBuffer<float> _terms = new(2 * RootKernel.TileRows);
    private readonly AlignedBuffer<float> _scratch = new(chain.Depths[0].RowLength);

    /// <summary>Bounds gallery root slots from <paramref name="first"/> on.</summary>
    /// <param name="bounds">Receives [slot - first][query root slot, padded to groups].</param>
    /// <returns>The slots of the tile.</returns>
    public int Bound(PackedPyramid image, int first, float* bounds, ref SearchCounts counts)
    {
        var depth = chain.Depths[0];
        int channels = depth.Shape.Channels, count = Math.Min(RootKernel.TileRows, depth.Slots - first);
        for (int r = 0; r < count; r++)
        {
            if (first + r + Ahead < depth.Slots && depth.Cells[first + r + Ahead] is var later and >= 0)
                Prefetch.Row(image.Features.Level(depth.Level).Slice(later * channels, channels));
            if (depth.Cells[first + r] is not (var cell and >= 0)) continue;
            (_terms.Pointer[r], _terms.Pointer[RootKernel.TileRows + r]) =
                index.Quantise(depth, image.Features.Level(depth.Level).Slice(cell * channels, channels), _scratch.Pointer, _rows.Pointer + (long)r * depth.RowLength);
            counts.Bytes += 2L * channels;
        }
        RootKernel.Bound(query.RootCodes, query.RootTerms, query.RootGroups, _rows.Pointer, _terms.Pointer, count, depth.RowLength / 2, bounds, index.Path);
        counts.Bounded += (long)count * depth.Slots;
        return count;
    }
}
