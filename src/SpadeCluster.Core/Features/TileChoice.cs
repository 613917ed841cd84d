namespace SpadeCluster.Features;

/// <summary>Chooses a new category's tiles from the sizes of its photographs. docs/tiles.md says how the figures were chosen.</summary>
public static class TileChoice
{
    /// <summary>Highest number of tiles of a photograph, without the whole one; it limits the time for a photograph.</summary>
    public const int Budget = 12;

    /// <summary>Highest number of the photograph's pixels, along either side, that become one pixel of the network's input.</summary>
    public const double CoarsestScale = 2.5;

    /// <summary>Default overlap of neighbouring tiles, as a share of a tile's shorter side.</summary>
    public const double Overlap = 1.0 / 7;

    /// <summary>
    /// The grid of least cost, which is its number of tiles times the square of its stretching of the photograph, among the grids no
    /// coarser than <see cref="CoarsestScale"/>; coarser ones are taken only if <paramref name="budget"/> does not suffice.
    /// </summary>
    /// <param name="sizes">Width and height of every photograph; their medians are used.</param>
    /// <param name="budget">Highest number of tiles.</param>
    /// <param name="overlap">Share of a tile's shorter side.</param>
    public static TileGrid Choose(FeatureModel model, IReadOnlyList<(int Width, int Height)> sizes, int budget = Budget,
        double overlap = Overlap)
    {
        var whole = new TileGrid(model.InputWidth, model.InputHeight);
        if (sizes.Count == 0) return whole;
        double width = Median(sizes.Select(s => s.Width)), height = Median(sizes.Select(s => s.Height));
        for (double scale = CoarsestScale; ; scale *= 1.05)
        {
            var best = Enumerable.Range(1, budget)
                .SelectMany(c => Enumerable.Range(1, budget / c).Select(r => Of(whole, model, c, r, overlap)))
                .Where(g => width / g.Width <= scale && height / g.Height <= scale).MinBy(Cost);
            if (best is not null) return best;
        }

        double Cost(TileGrid grid)
        {
            double stretch = width / grid.Width / (height / grid.Height);
            return grid.Columns * grid.Rows * Math.Pow(Math.Max(stretch, 1 / stretch), 2);
        }
    }

    /// <summary>A grid of this many columns and rows.</summary>
    /// <param name="overlap">Share of a tile's shorter side; rounded to what the model's cells allow.</param>
    public static TileGrid Of(TileGrid whole, FeatureModel model, int columns, int rows, double overlap = Overlap)
    {
        if (columns == 1 && rows == 1) return whole;
        int cell = model.Levels.Max(l => Math.Max(model.InputWidth / l.Width, model.InputHeight / l.Height));
        int pixels = (int)Math.Round(overlap * Math.Min(model.InputWidth, model.InputHeight) / cell) * cell;
        return whole with { Columns = columns, Rows = rows, Overlap = pixels, Whole = true };
    }

    private static double Median(IEnumerable<int> values)
    {
        int[] ascending = [.. values.Order()];
        return ascending[(ascending.Length - 1) / 2];
    }
}
