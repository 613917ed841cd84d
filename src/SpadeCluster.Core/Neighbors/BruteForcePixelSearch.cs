using SpadeCluster.Features;

namespace SpadeCluster.Neighbors;

/// <summary>Every pair, one after the other: the scalar reference of the pixel search, for tests. Slow.</summary>
internal static class BruteForcePixelSearch
{
    /// <summary>One map for <see cref="Fusion.Concatenated"/>, one per level for <see cref="Fusion.PerLevel"/>.</summary>
    public static PixelMatches[] Search(PixelSpace space, FeaturePyramid query,
        IReadOnlyList<(int Position, FeaturePyramid Features)> gallery, PixelSearchOptions options)
    {
        int[] levels = [.. options.Levels ?? Enumerable.Range(0, space.Shapes.Count)];
        return options.Fusion == Fusion.Concatenated
            ? [SearchGrid(space, query, gallery, options, levels)]
            : [.. levels.Select(l => SearchGrid(space, query, gallery, options, [l]))];
    }

    private static PixelMatches SearchGrid(PixelSpace space, FeaturePyramid query,
        IReadOnlyList<(int Position, FeaturePyramid Features)> gallery, PixelSearchOptions options, int[] levels)
    {
        var grid = space.Shapes[levels[0]];
        var matches = new PixelMatches(grid.Height, grid.Width, options.Kappa);
        bool[] inside = space.Inside(levels[0]);
        foreach (var (position, image) in gallery)
        {
            for (int p = 0; p < grid.Cells; p++)
            {
                for (int g = 0; g < grid.Cells; g++)
                {
                    if (!inside[p] || !inside[g] || !Near(p / grid.Width - g / grid.Width, grid.Height, space.Shapes[0].Height)
                        || !Near(p % grid.Width - g % grid.Width, grid.Width, space.Shapes[0].Width)) continue;
                    // Coarse levels first, so that every search adds the levels in the same order.
                    float sum = 0;
                    for (int l = levels.Length - 1; l >= 0; l--)
                        sum += PixelDistance.Squared(
                            Cell(query, levels[l], grid, p), Cell(image, levels[l], grid, g),
                            space.ChannelWeights is { } w ? w[levels[l]] : []);
                    matches.Offer(p, sum, position, g);
                }
            }
        }
        return matches;

        bool Near(int cells, int size, int finest) => options.Window is not { } radius || Math.Abs(cells) * finest <= radius * size;
    }

    private static float[] Cell(FeaturePyramid pyramid, int level, LevelShape grid, int cell)
    {
        var s = pyramid.Shapes[level];
        int y = cell / grid.Width * s.Height / grid.Height, x = cell % grid.Width * s.Width / grid.Width;
        var values = new float[s.Channels];
        HalfConversion.Widen(pyramid.Level(level).Slice((y * s.Width + x) * s.Channels, s.Channels), values);
        return values;
    }
}
