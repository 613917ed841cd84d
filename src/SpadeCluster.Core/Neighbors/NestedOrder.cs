namespace SpadeCluster.Neighbors;

/// <summary>
/// The cells of all levels in one hierarchical order: the coarsest level row by row, then under every cell its children
/// on the next finer level, row by row, filled up with empty slots to whole quads (four slots). So the descendants of a
/// cell are contiguous on every level, and a quad is what the block kernel takes at a time.
/// For 14x14, 28x28, 56x56 every cell has exactly one quad of children and no slot is empty.
/// </summary>
internal sealed class NestedOrder
{
    private readonly int[][] _cells;
    private readonly int[] _fan;

    private NestedOrder(int[][] cells, int[] fan) => (_cells, _fan) = (cells, fan);

    /// <summary>Null when some level's grid does not divide the next finer one.</summary>
    public static NestedOrder? TryCreate(PixelSpace space)
    {
        var shapes = space.Shapes;
        var cells = new int[shapes.Count][];
        int[] fan = new int[shapes.Count];
        for (int level = shapes.Count - 1; level >= 0; level--)
        {
            var s = shapes[level];
            if (level == shapes.Count - 1)
            {
                cells[level] = Within(space, level);
                continue;
            }
            var parent = shapes[level + 1];
            if (s.Height % parent.Height != 0 || s.Width % parent.Width != 0) return null;
            int fy = s.Height / parent.Height, fx = s.Width / parent.Width;
            fan[level] = (fy * fx + 3) / 4 * 4;
            int[] within = Within(space, level), slots = new int[cells[level + 1].Length * fan[level]];
            Array.Fill(slots, -1);
            for (int p = 0; p < cells[level + 1].Length; p++)
            {
                if (cells[level + 1][p] is var cell and >= 0)
                    for (int c = 0; c < fy * fx; c++)
                        slots[p * fan[level] + c] =
                            within[(cell / parent.Width * fy + c / fx) * s.Width + cell % parent.Width * fx + c % fx];
            }
            cells[level] = slots;
        }
        return new NestedOrder(cells, fan);
    }

    /// <summary>[cell]: the cell itself, or -1 outside the region: its slot is empty then.</summary>
    public static int[] Within(PixelSpace space, int level) => [.. space.Inside(level).Select((inside, cell) => inside ? cell : -1)];

    /// <summary>[slot]: the cell y * Width + x of <paramref name="level"/>, or -1 for an empty slot.</summary>
    public int[] Cells(int level) => _cells[level];

    /// <summary>Slots on <paramref name="finer"/> under one slot of <paramref name="coarser"/>: a multiple of 4.</summary>
    public int Fan(int finer, int coarser)
    {
        int fan = 1;
        for (int level = finer; level < coarser; level++) fan *= _fan[level];
        return fan;
    }
}
