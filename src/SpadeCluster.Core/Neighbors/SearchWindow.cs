using SpadeCluster.Features;

namespace SpadeCluster.Neighbors;

/// <summary>
/// Compares a query cell only with gallery cells that are at most a radius away from its own position, in each direction. A pair of
/// coarser cells may meet where a pair of their cells on the grid of the result may, so that nothing is lost on the way down.
/// </summary>
internal sealed class SearchWindow
{
    /// <summary>Query slots of a block.</summary>
    public const int BlockSlots = 2 * RootKernel.Group;

    private readonly LevelChain _chain;
    private readonly (int[] Y, int[] X, int Rows, int Columns)[] _depths;
    private readonly Box[] _tiles, _blocks;

    /// <param name="finest">The grid whose cells <paramref name="radius"/> counts.</param>
    public SearchWindow(LevelChain chain, LevelShape finest, int radius)
    {
        _chain = chain;
        var grid = chain.Depths[chain.Finest].Shape;
        _depths = [.. chain.Depths.Select(depth =>
        {
            var shape = depth.Shape;
            // Empty slots are far from everything.
            int[] y = [.. depth.Cells.Select(cell => cell < 0 ? int.MinValue / 2 : cell / shape.Width)];
            int[] x = [.. depth.Cells.Select(cell => cell < 0 ? int.MinValue / 2 : cell % shape.Width)];
            return (y, x, Reach(radius, finest.Height, grid.Height, shape.Height), Reach(radius, finest.Width, grid.Width, shape.Width));
        })];
        (_tiles, _blocks) = (Boxes(RootKernel.TileRows), Boxes(BlockSlots));
    }

    public bool Allows(int depth, int gallerySlot, int querySlot)
    {
        var (y, x, rows, columns) = _depths[depth];
        return Math.Abs(y[gallerySlot] - y[querySlot]) <= rows && Math.Abs(x[gallerySlot] - x[querySlot]) <= columns;
    }

    /// <summary>
    /// For every gallery slot of the root, what is added to the bounds of all query slots: 0, or infinity where a pair may not meet; and
    /// the first and last query slot that it may meet.
    /// </summary>
    /// <param name="stride">Query slots of a row, padded.</param>
    public (float[] Penalties, (int First, int Last)[] Met) Root(int stride)
    {
        int slots = _chain.Depths[0].Slots;
        var penalties = new float[slots * stride];
        Array.Fill(penalties, float.PositiveInfinity);
        var met = new (int First, int Last)[slots];
        for (int gallery = 0; gallery < slots; gallery++)
        {
            met[gallery] = (stride, -1);
            for (int query = 0; query < slots; query++)
            {
                if (!Allows(0, gallery, query)) continue;
                penalties[gallery * stride + query] = 0;
                met[gallery] = (Math.Min(met[gallery].First, query), query);
            }
        }
        return (penalties, met);
    }

    /// <summary>Whether any pair of a gallery tile and a block of query slots of the root may meet; may also be true where none
    /// does.</summary>
    public bool MayMeet(int tile, int block)
    {
        var (_, _, rows, columns) = _depths[0];
        var (a, b) = (_tiles[tile], _blocks[block]);
        return a.Top <= b.Bottom + rows && b.Top <= a.Bottom + rows && a.Left <= b.Right + columns && b.Left <= a.Right + columns;
    }

    /// <summary>The box around each group of <paramref name="slots"/> slots of the root; empty slots are outside all boxes.</summary>
    private Box[] Boxes(int slots)
    {
        var (y, x, _, _) = _depths[0];
        var boxes = new Box[(y.Length + slots - 1) / slots];
        Array.Fill(boxes, new Box(int.MaxValue / 2, int.MinValue / 2, int.MaxValue / 2, int.MinValue / 2));
        for (int slot = 0; slot < y.Length; slot++)
        {
            if (y[slot] < 0) continue;
            ref var box = ref boxes[slot / slots];
            box = new Box(Math.Min(box.Top, y[slot]), Math.Max(box.Bottom, y[slot]), Math.Min(box.Left, x[slot]),
                Math.Max(box.Right, x[slot]));
        }
        return boxes;
    }

    /// <summary>The radius in cells of a depth.</summary>
    private static int Reach(int radius, int finest, int grid, int size)
    {
        // On the grid of the result, cells under neighbours that are D apart are at least (D - 1) * fan + 1 apart.
        int cells = (int)((long)radius * grid / finest);
        return cells == 0 ? 0 : (cells - 1) / (grid / size) + 1;
    }

    private readonly record struct Box(int Top, int Bottom, int Left, int Right);
}
