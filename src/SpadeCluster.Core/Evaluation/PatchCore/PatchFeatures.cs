using SpadeCluster.Features;
using SpadeCluster.Scoring;

namespace SpadeCluster.Evaluation;

/// <summary>
/// PatchCore's features (Roth et al. 2022, section 3.1): the middle levels, the coarser one enlarged to the finer one's grid, concatenated
/// per cell. The model averages over 3x3 cells, so that all recipes use the same features.
/// </summary>
internal static class PatchFeatures
{
    /// <summary>The levels that are used: all but the finest, which is too local; all if there are at most two.</summary>
    public static IReadOnlyList<LevelShape> Shapes(IReadOnlyList<LevelShape> levels) => [.. levels.Skip(First(levels))];

    /// <param name="rows">[cell of the finest level taken][channels of all levels taken, then zeros up to
    /// <paramref name="length"/>].</param>
    /// <param name="length">Values of a row.</param>
    public static void Write(FeaturePyramid pyramid, Span<float> rows, int length)
    {
        int first = First(pyramid.Shapes), at = 0;
        var grid = pyramid.Shapes[first];
        for (int level = first; level < pyramid.Shapes.Count; level++)
        {
            var shape = pyramid.Shapes[level];
            var values = new float[shape.Length];
            HalfConversion.Widen(pyramid.Level(level), values);
            for (int cell = 0; cell < grid.Cells; cell++)
            {
                var (y0, y1, fy) = BilinearUpsampling.Taps(cell / grid.Width, shape.Height, grid.Height);
                var (x0, x1, fx) = BilinearUpsampling.Taps(cell % grid.Width, shape.Width, grid.Width);
                ReadOnlySpan<float> Corner(int y, int x) => values.AsSpan((y * shape.Width + x) * shape.Channels, shape.Channels);
                ReadOnlySpan<float> a = Corner(y0, x0), b = Corner(y0, x1), c = Corner(y1, x0), d = Corner(y1, x1);
                var row = rows.Slice(cell * length + at, shape.Channels);
                for (int i = 0; i < row.Length; i++)
                    row[i] = (a[i] * (1 - fx) + b[i] * fx) * (1 - fy) + (c[i] * (1 - fx) + d[i] * fx) * fy;
            }
            at += shape.Channels;
        }
    }

    private static int First(IReadOnlyList<LevelShape> levels) => levels.Count > 2 ? 1 : 0;
}
