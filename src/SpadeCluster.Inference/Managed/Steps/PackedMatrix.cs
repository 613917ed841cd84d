namespace SpadeCluster.Inference.Managed;

/// <summary>
/// A constant matrix [rows][depth] in the order the micro-kernel reads it: the depth in parts of <see cref="PartDepth"/>, so
/// that a panel of the other factor stays in the caches while all rows pass over it; in a part, tiles of 8 rows, [k][8].
/// Missing rows of the last tile are zeros.
/// </summary>
internal sealed unsafe class PackedMatrix : IDisposable
{
    public const int PartDepth = 256, TileRows = 8;
    private readonly NativeBuffer _values;
    private readonly int _depth;

    /// <param name="rows">[rows][depth].</param>
    public PackedMatrix(ReadOnlySpan<float> rows, int depth)
    {
        _depth = depth;
        int count = rows.Length / depth;
        Tiles = (count + TileRows - 1) / TileRows;
        _values = new NativeBuffer((long)Tiles * TileRows * depth);
        for (int row = 0; row < count; row++)
        {
            var source = rows.Slice(row * depth, depth);
            for (int start = 0; start < depth; start += PartDepth)
            {
                int part = Math.Min(PartDepth, depth - start);
                float* tile = Tile(row / TileRows, start, part) + (row % TileRows);
                for (int k = 0; k < part; k++) tile[(long)k * TileRows] = source[start + k];
            }
        }
    }

    /// <summary>Tiles of 8 rows.</summary>
    public int Tiles { get; }

    public long Bytes => (long)Tiles * TileRows * _depth * sizeof(float);

    /// <summary>[part][8] of one tile, for the part of the depth that begins at <paramref name="start"/>.</summary>
    public float* Tile(int tile, int start, int part) => _values.Pointer + ((((long)start * Tiles) + ((long)tile * part)) * TileRows);

    public void Dispose() => _values.Dispose();
}
