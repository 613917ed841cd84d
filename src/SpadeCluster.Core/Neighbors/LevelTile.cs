using SpadeCluster.Features;

namespace SpadeCluster.Neighbors;

/// <summary>Up to <see cref="RootKernel.TileRows"/> slots of one level of an image, as the root kernel takes them.</summary>
internal sealed unsafe class LevelTile(PixelIndex index, LevelChain.Depth depth, LevelProjection? projection = null)
{
    /// <summary>How many rows ahead to prefetch: memory takes about as long as converting three rows.</summary>
    private const int Ahead = 3;
    private readonly AlignedBuffer<short> _rows = new((long)RootKernel.TileRows * depth.RowLength);
    private readonly AlignedBuffer<short> _codes = new((long)RootKernel.TileRows * (projection?.Length ?? 0));
    private readonly AlignedBuffer<float> _terms = new(4 * RootKernel.TileRows);
    private readonly AlignedBuffer<float> _scratch = new(depth.RowLength + (long)RootKernel.TileRows * (projection?.Length ?? 0));

    /// <summary>Slots of the tile.</summary>
    public int Count { get; private set; }

    /// <summary>[row]: int16 rows in all channels, and their terms followed by as many factors.</summary>
    public short* Rows => _rows.Pointer;
    public float* Terms => _terms.Pointer;

    /// <summary>[row]: int16 projections and, after as many terms, factors; valid after <see cref="Project"/>.</summary>
    public short* Codes => _codes.Pointer;
    public float* CodeTerms => _terms.Pointer + (2 * RootKernel.TileRows);

    /// <summary>Converts the slots of <paramref name="features"/> from <paramref name="first"/> on; returns the bytes read.</summary>
    public long Load(FeaturePyramid features, int first)
    {
        int channels = depth.Shape.Channels;
        var level = features.Level(depth.Level);
        long bytes = 0;
        Count = Math.Min(RootKernel.TileRows, depth.Slots - first);
        for (int r = 0; r < Count; r++)
        {
            if (first + r + Ahead < depth.Slots && depth.Cells[first + r + Ahead] is var later and >= 0)
                Prefetch.Row(level.Slice(later * channels, channels));
            if (depth.Cells[first + r] is not (var cell and >= 0)) continue;
            (Terms[r], Terms[RootKernel.TileRows + r]) =
                index.Quantise(depth, level.Slice(cell * channels, channels), _scratch.Pointer, Rows + (long)r * depth.RowLength);
            bytes += 2L * channels;
        }
        return bytes;
    }

    /// <summary>Projects the loaded rows.</summary>
    public void Project()
    {
        float* coordinates = _scratch.Pointer + depth.RowLength;
        projection!.Project(Rows, Terms + RootKernel.TileRows, Count, coordinates, index.Path);
        for (int r = 0; r < Count; r++)
            (CodeTerms[r], CodeTerms[RootKernel.TileRows + r]) =
                projection.Quantise(coordinates + (long)r * projection.Length, Terms[r], Codes + (long)r * projection.Length);
    }
}
