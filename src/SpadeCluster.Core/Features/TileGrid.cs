using System.Globalization;
using System.Text.RegularExpressions;
using SpadeCluster.Scoring;

namespace SpadeCluster.Features;

/// <summary>The part of a tile grid that a photograph covers, in input pixels: all of it, or all but bars at two sides.</summary>
public readonly record struct TileFrame(int X, int Y, int Width, int Height);

/// <summary>
/// Divides a photograph that is larger than a network's input, to search it at a finer resolution: it is resized to a grid of overlapping
/// tiles, each as large as the input. Tiles are counted row by row. One tile is the whole photograph. All lengths are input pixels.
/// </summary>
/// <param name="TileWidth">The network's input width.</param>
/// <param name="TileHeight">The network's input height.</param>
/// <param name="Overlap">Pixels that neighbouring tiles share.</param>
/// <param name="Letterbox">Whether photographs keep their proportions and are centred in the grid; the free bars are filled with their
/// mirror image, and are neither scored nor shown. Otherwise photographs are stretched to the grid.</param>
/// <param name="Whole">Whether the whole photograph, resized to one tile, is searched as well, as the last tile: it shows defects that are
/// too large for a tile. The two maps are averaged.</param>
/// <param name="Copies">Copies of each normal in the gallery, which are cut like the photograph. Images to be scored have none.</param>
public sealed partial record TileGrid(int TileWidth, int TileHeight, int Columns = 1, int Rows = 1, int Overlap = 0, bool Letterbox = false,
    bool Whole = false, Copies Copies = Copies.None)
{
    public const int MaxTiles = 400;

    /// <summary>Weight of the whole photograph's map; the tiles' map has the rest. Each counts by its resolution.</summary>
    internal float WholeWeight => Whole ? (float)(1 / (1 + Math.Sqrt(Columns * Rows))) : 0;

    /// <summary>Tiles of a photograph, the whole one included.</summary>
    public int Count => Columns * Rows + (Whole ? 1 : 0);

    /// <summary>The photograph as it is, then its copies.</summary>
    public IReadOnlyList<Orientation> Orientations => Copies.Orientations();

    /// <summary>Rows of a normal in the gallery: its tiles, then those of its copies.</summary>
    public int RowCount => Count * Orientations.Count;

    public int Width => TileWidth + (Columns - 1) * (TileWidth - Overlap);

    public int Height => TileHeight + (Rows - 1) * (TileHeight - Overlap);

    /// <summary>The row of a normal that keeps a thumbnail of the whole photograph. The rows of its other tiles keep their tile's, but
    /// only if there is a row for the whole.</summary>
    public int PictureRow => Whole ? Count - 1 : 0;

    /// <summary>The grid that a gallery's description of its geometry (<see cref="IImagePreparer.Description"/>) names.</summary>
    /// <exception cref="SpadeException">InvalidArgument: an overlap that cells of the model do not divide, or quarter turns of an input
    /// that is not square.</exception>
    public static TileGrid Of(FeatureModel model, string preprocessing)
    {
        bool letterbox = preprocessing.StartsWith("letterbox ", StringComparison.Ordinal);
        var tiles = Tiles().Match(preprocessing);
        var whole = new TileGrid(model.InputWidth, model.InputHeight, Letterbox: letterbox,
            Copies: CopyExtensions.ParseFrom(preprocessing));
        if (!tiles.Success) return whole.Checked();
        int Number(string group) => int.Parse(tiles.Groups[group].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture);
        var grid = whole with { Columns = Number("c"), Rows = Number("r"), Overlap = Number("o"), Whole = tiles.Groups["a"].Success };
        foreach (var level in model.Levels)
            if (grid.Overlap * level.Width % model.InputWidth != 0 || grid.Overlap * level.Height % model.InputHeight != 0)
                throw new SpadeException(SpadeError.InvalidArgument,
                    $"tiles that overlap by {grid.Overlap} pixels cut cells of model '{model.Name}': choose a multiple of "
                    + $"{model.InputWidth / model.Levels.Min(l => l.Width)}");
        return grid.Checked();
    }

    private TileGrid Checked()
        => !Copies.HasFlag(Copies.QuarterTurns) || (!Letterbox && (TileWidth, Columns) == (TileHeight, Rows)) ? this
        : throw new SpadeException(SpadeError.InvalidArgument,
            "copies by quarter turns need the same number of tiles across and down, and no letterbox: leave out quarter-turns");

    /// <summary>The grid as the stable text that <see cref="Of"/> reads.</summary>
    public string Description => $"{(Letterbox ? "letterbox" : "stretch")} {TileWidth}x{TileHeight}"
        + (Count == 1 ? "" : $" tiles {Columns}x{Rows} overlap {Overlap}{(Whole ? " and whole" : "")}")
        + Copies.AppliedTo("");

    /// <summary>The part of the grid that a photograph of this size covers.</summary>
    public TileFrame Frame(int width, int height)
    {
        if (!Letterbox || width < 1 || height < 1) return new(0, 0, Width, Height);
        double scale = Math.Min((double)Width / width, (double)Height / height);
        int w = Math.Clamp((int)Math.Round(width * scale), 1, Width), h = Math.Clamp((int)Math.Round(height * scale), 1, Height);
        return new((Width - w) / 2, (Height - h) / 2, w, h);
    }

    /// <summary>A tile's left upper pixel.</summary>
    public (int X, int Y) Origin(int tile) =>
        (tile % Columns * (TileWidth - Overlap), tile / Columns * (TileHeight - Overlap));

    /// <summary>Whether the centre of a tile's cell lies on the photograph. The whole photograph's tile has no free bars.</summary>
    /// <param name="cell">y * width + x on a grid of width x height cells.</param>
    internal bool Covers(TileFrame frame, int tile, int cell, int width, int height)
    {
        if (tile == Columns * Rows) return true;
        var (left, top) = Origin(tile);
        double x = left + (cell % width + 0.5) * TileWidth / width, y = top + (cell / width + 0.5) * TileHeight / height;
        return x > frame.X && y > frame.Y && x < frame.X + frame.Width && y < frame.Y + frame.Height;
    }

    /// <summary>Where the cells of a photograph's tile lie on a photograph of other proportions. Each column and each row of cells has its
    /// part of the tile's number, which is the sum of both, and the column or row in that tile; -1 outside the photograph.</summary>
    /// <param name="width">Cells across a tile.</param>
    /// <param name="height">Cells down a tile.</param>
    internal ((int Tile, int Cell)[] Columns, (int Tile, int Cell)[] Rows) CorrespondingCells(int tile, TileFrame from, TileFrame to,
        int width, int height)
    {
        bool same = from == to || tile == Columns * Rows;
        if (same)
            return ([.. Enumerable.Range(0, width).Select(x => (tile, x))], [.. Enumerable.Range(0, height).Select(y => (0, y))]);
        var (left, top) = Origin(tile);
        return (Along(left, width, TileWidth, Columns, from.X, from.Width, to.X, to.Width, 1),
            Along(top, height, TileHeight, Rows, from.Y, from.Height, to.Y, to.Height, Columns));

        (int, int)[] Along(int origin, int cells, int size, int count, int fromStart, int fromLength, int toStart, int toLength, int step)
            => [.. Enumerable.Range(0, cells).Select(i =>
            {
                double place = (origin + (i + 0.5) * size / cells - fromStart) / fromLength;
                if (place is < 0 or > 1) return (-1, 0);
                double at = toStart + place * toLength;
                int index = Index((int)at, size, count);
                return (index * step, Math.Clamp((int)((at - index * (size - Overlap)) * cells / size), 0, cells - 1));
            })];
    }

    /// <summary>The tile with the nearest centre to a pixel, which has the highest weight there.</summary>
    public int TileAt(int x, int y) => Index(y, TileHeight, Rows) * Columns + Index(x, TileWidth, Columns);

    /// <summary>The column or row of tiles with the nearest centre.</summary>
    private int Index(int at, int size, int count) => Math.Clamp((at - Overlap / 2) / Math.Max(1, size - Overlap), 0, count - 1);

    /// <summary>Tiles at most <paramref name="reach"/> columns and rows away, ascending, the tile itself included.</summary>
    public IReadOnlyList<int> Near(int tile, int reach)
    {
        if (tile == Columns * Rows) return [tile];
        var (row, column) = Math.DivRem(tile, Columns);
        return [.. Enumerable.Range(0, Columns * Rows)
            .Where(t => Math.Max(Math.Abs(t / Columns - row), Math.Abs(t % Columns - column)) <= reach)];
    }

    /// <summary>The tile of the photograph that a tile of its copy shows.</summary>
    public int OnPhotograph(int tile, Orientation orientation)
        => tile == Columns * Rows ? tile : orientation.ToPhotograph(tile, Columns, Rows);

    /// <summary>One tile of a photograph that was resized to its frame.</summary>
    public RgbImage Cut(RgbImage picture, TileFrame frame, int tile)
    {
        if ((picture.Width, picture.Height) == (TileWidth, TileHeight) && Count == 1) return picture;
        var (left, top) = Origin(tile);
        var cut = new RgbImage(TileWidth, TileHeight);
        int start = left - frame.X;
        int[]? reflected = start >= 0 && start + TileWidth <= picture.Width ? null
            : [.. Enumerable.Range(start, TileWidth).Select(x => 3 * GaussianFilter.Reflect(x, picture.Width))];
        for (int y = 0; y < TileHeight; y++)
        {
            var from = picture.Pixels.AsSpan(3 * picture.Width * GaussianFilter.Reflect(top - frame.Y + y, picture.Height),
                3 * picture.Width);
            var to = cut.Pixels.AsSpan(3 * TileWidth * y, 3 * TileWidth);
            if (reflected is null) from.Slice(3 * start, to.Length).CopyTo(to);
            else for (int x = 0; x < TileWidth; x++) from.Slice(reflected[x], 3).CopyTo(to[(3 * x)..]);
        }
        return cut;
    }

    /// <summary>Joins the maps of tiles, without the whole photograph's. Where tiles overlap, a tile's weight decreases towards its
    /// border, so that no seam is visible.</summary>
    /// <param name="tiles">[tile][y][x], one value per cell; NaN outside the region of interest.</param>
    /// <returns>[y][x], cells of the whole grid, and their number down and across.</returns>
    public (float[] Cells, int Height, int Width) Blend(IReadOnlyList<float[]> tiles, int gridHeight, int gridWidth)
    {
        if (Count == 1) return (tiles[0], gridHeight, gridWidth);
        int width = gridWidth * Width / TileWidth, height = gridHeight * Height / TileHeight;
        var (sum, weight) = (new float[height * width], new float[height * width]);
        for (int tile = 0; tile < Columns * Rows; tile++)
        {
            var (row, column) = Math.DivRem(tile, Columns);
            var (x, y) = Origin(tile);
            float[] across = Ramp(gridWidth, Overlap * gridWidth / TileWidth, column > 0, column < Columns - 1);
            float[] down = Ramp(gridHeight, Overlap * gridHeight / TileHeight, row > 0, row < Rows - 1);
            for (int i = 0; i < gridHeight; i++)
            {
                int at = (y * gridHeight / TileHeight + i) * width + x * gridWidth / TileWidth;
                for (int j = 0; j < gridWidth; j++)
                {
                    // Nothing is known outside a region of interest.
                    if (float.IsNaN(tiles[tile][i * gridWidth + j])) continue;
                    float w = down[i] * across[j];
                    sum[at + j] += w * tiles[tile][i * gridWidth + j];
                    weight[at + j] += w;
                }
            }
        }
        for (int i = 0; i < sum.Length; i++) sum[i] /= weight[i];
        return (sum, height, width);
    }

    private static float[] Ramp(int cells, int overlap, bool before, bool after)
    {
        var weights = new float[cells];
        for (int i = 0; i < cells; i++)
            weights[i] = Math.Min(before ? Math.Min(1, (i + 1f) / (overlap + 1)) : 1, after
                ? Math.Min(1, (cells - i) / (overlap + 1f)) : 1);
        return weights;
    }

    [GeneratedRegex(@" tiles (?<c>\d{1,3})x(?<r>\d{1,3}) overlap (?<o>\d{1,4})(?<a> and whole)?(?: copies [a-z,-]+)?$",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex Tiles();
}
