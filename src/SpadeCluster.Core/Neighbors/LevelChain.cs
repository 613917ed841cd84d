using SpadeCluster.Features;

namespace SpadeCluster.Neighbors;

/// <summary>
/// The levels one search sums over, coarse to fine, each nested in the one before. Depth 0, the root, is the coarsest
/// level taking part; the last depth is the grid of the result.
/// </summary>
internal sealed class LevelChain
{
    public LevelChain(PixelSpace space, NestedOrder? order, IReadOnlyList<int> levels)
    {
        Depths = new Depth[levels.Count];
        for (int d = 0; d < Depths.Length; d++)
        {
            int level = levels[levels.Count - 1 - d];
            int fan = d == 0 || order is null ? 0 : order.Fan(level, levels[levels.Count - d]);
            int[] cells = order?.Cells(level) ?? NestedOrder.Within(space, level);
            Depths[d] = new Depth(level, space.Shapes[level], cells, fan / 4);
        }
    }

    public Depth[] Depths { get; }

    public int Finest => Depths.Length - 1;

    /// <summary>One level of the chain.</summary>
    public sealed class Depth
    {
        public Depth(int level, LevelShape shape, int[] cells, int quadsPerParent)
        {
            (Level, Shape, Cells, QuadsPerParent) = (level, shape, cells, quadsPerParent);
            RowLength = (shape.Channels + PixelDistance.Lanes - 1) / PixelDistance.Lanes * PixelDistance.Lanes;
            QuadLanes = new ushort[cells.Length / 4];
            for (int quad = 0; quad < QuadLanes.Length; quad++)
                for (int j = 0; j < 4; j++)
                    if (cells[4 * quad + j] >= 0) QuadLanes[quad] |= (ushort)(0xF << (4 * j));
        }

        public int Level { get; }
        public LevelShape Shape { get; }

        /// <summary>[slot]: cell y * Width + x, or -1 for an empty slot.</summary>
        public int[] Cells { get; }

        public int Slots => Cells.Length;

        /// <summary>Quads of this depth under one slot of the depth above; 0 at the root.</summary>
        public int QuadsPerParent { get; }

        /// <summary>Floats in a widened row: the channels, padded with zeros to whole lanes.</summary>
        public int RowLength { get; }

        /// <summary>[quad]: lanes 4 j + i of the block kernel whose gallery slot j is not empty.</summary>
        public ushort[] QuadLanes { get; }
    }
}
