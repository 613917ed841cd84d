using SpadeCluster.Features;

namespace SpadeCluster.Core.Tests.Features;

public class TileGridTests
{
    private static readonly FeatureModel Model =
        new("m", "d", 224, 224, [new(56, 56, 8), new(28, 28, 8), new(14, 14, 8)], 4, WeightChannels: false);

    [Theory]
    [InlineData("stretch 224x224", 1, 1, 0, false, false, 224, 224)]
    [InlineData("letterbox 224x224", 1, 1, 0, true, false, 224, 224)]
    [InlineData("stretch 224x224 tiles 3x2 overlap 32", 3, 2, 32, false, false, 608, 416)]
    [InlineData("letterbox 224x224 tiles 2x2 overlap 16 and whole", 2, 2, 16, true, true, 432, 432)]
    [InlineData("shorter-side 256 crop 224x224", 1, 1, 0, false, false, 224, 224)]
    public void A_grid_is_what_its_text_says(string text, int columns, int rows, int overlap, bool letterbox, bool whole, int width,
        int height)
    {
        var grid = TileGrid.Of(Model, text);
        Assert.Equal(new TileGrid(224, 224, columns, rows, overlap, letterbox, whole), grid);
        Assert.Equal((width, height, columns * rows + (whole ? 1 : 0)), (grid.Width, grid.Height, grid.Count));
    }

    [Fact]
    public void An_overlap_that_cuts_cells_is_refused()
    {
        var refused = Assert.Throws<SpadeException>(() => TileGrid.Of(Model, "stretch 224x224 tiles 2x2 overlap 30"));
        Assert.Equal(SpadeError.InvalidArgument, refused.Error);
        Assert.Contains("multiple of 16", refused.Message, StringComparison.Ordinal);
    }

    /// <summary>Each tile shows the same, so the seams between them must not show at all.</summary>
    [Fact]
    public void Equal_tiles_make_a_map_without_seams()
    {
        var grid = TileGrid.Of(Model, "stretch 224x224 tiles 3x2 overlap 32");
        var tile = new float[56 * 56];
        Array.Fill(tile, 0.7f);
        var (cells, height, width) = grid.Blend([.. Enumerable.Repeat(tile, 6)], 56, 56);
        Assert.Equal((104, 152), (height, width));
        Assert.All(cells, c => Assert.Equal(0.7f, c, 1e-6f));
    }

    /// <summary>Two tiles of 0 and 1 meet in a ramp: no step within it is larger than its share.</summary>
    [Fact]
    public void Different_tiles_go_over_into_each_other()
    {
        var grid = TileGrid.Of(Model, "stretch 224x224 tiles 2x1 overlap 32");
        var one = new float[56 * 56];
        Array.Fill(one, 1f);
        var (cells, _, width) = grid.Blend([new float[56 * 56], one], 56, 56);
        float[] row = cells[..width];
        Assert.All(row[..48], c => Assert.Equal(0f, c));
        Assert.All(row[56..], c => Assert.Equal(1f, c));
        Assert.All(row.Zip(row.Skip(1), (a, b) => b - a), step => Assert.InRange(step, 0, 1 / 8f));
    }

    /// <summary>The centre of each cell of a tile, as a share of the photograph's sides, lies in the cell found on the other.</summary>
    [Theory]
    [InlineData("letterbox 224x224", 0)]
    [InlineData("letterbox 224x224 tiles 2x2 overlap 32 and whole", 3)]
    public void The_same_place_of_another_photograph_has_the_same_share_of_its_sides(string text, int tile)
    {
        var grid = TileGrid.Of(Model, text);
        TileFrame wide = grid.Frame(600, 300), tall = grid.Frame(200, 500);
        var (columns, rows) = grid.CorrespondingCells(tile, wide, tall, 56, 56);
        Assert.True(columns.Any(c => c.Tile >= 0) && rows.Any(r => r.Tile >= 0) && rows.Any(r => r.Tile < 0));
        foreach (var (lines, left, from, length, to, width) in new[]
        {
            (columns, grid.Origin(tile).X, wide.X, wide.Width, tall.X, tall.Width),
            (rows, grid.Origin(tile).Y, wide.Y, wide.Height, tall.Y, tall.Height),
        })
            for (int i = 0; i < 56; i++)
            {
                if (lines[i].Tile < 0) continue;
                double share = (left + 4 * (i + 0.5) - from) / length, at = to + share * width;
                int origin = lines == columns ? grid.Origin(lines[i].Tile).X : grid.Origin(lines[i].Tile).Y;
                Assert.InRange(at, origin + 4 * lines[i].Cell - 1e-6, origin + 4 * lines[i].Cell + 4 + 1e-6);
            }
        var (same, below) = grid.CorrespondingCells(tile, wide, wide, 56, 56);
        Assert.Equal(Enumerable.Range(0, 56).Select(x => (tile, x)), same);
        Assert.Equal(Enumerable.Range(0, 56).Select(y => (0, y)), below);
    }

    [Fact]
    public void Tiles_are_cut_where_they_lie()
    {
        var grid = new TileGrid(4, 4, 2, 2, 2);
        var picture = Numbered(6, 6);
        int[] lefts = [0, 2, 0, 2], tops = [0, 0, 2, 2];
        for (int t = 0; t < 4; t++)
        {
            var tile = grid.Cut(picture, grid.Frame(6, 6), t);
            Assert.Equal((4, 4), (tile.Width, tile.Height));
            for (int y = 0; y < 4; y++)
                for (int x = 0; x < 4; x++) Assert.Equal(6 * (tops[t] + y) + lefts[t] + x, tile.Pixels[3 * (4 * y + x)]);
        }
    }

    [Fact]
    public void Beside_a_letterboxed_photograph_stands_its_mirror_image()
    {
        var grid = new TileGrid(4, 4, Letterbox: true);
        var frame = grid.Frame(100, 50);
        Assert.Equal(new TileFrame(0, 1, 4, 2), frame);
        var tile = grid.Cut(Numbered(4, 2), frame, 0);
        Assert.Equal([0, 0, 4, 4], Enumerable.Range(0, 4).Select(y => (int)tile.Pixels[3 * 4 * y]));
    }

    [Fact]
    public void Neighbours_of_a_tile_touch_it()
    {
        var grid = new TileGrid(8, 8, 4, 3, 4, Whole: true);
        Assert.Equal([5], grid.Near(5, 0));
        Assert.Equal([0, 1, 2, 4, 5, 6, 8, 9, 10], grid.Near(5, 1));
        Assert.Equal([0, 1, 4, 5], grid.Near(0, 1));
        Assert.Equal(Enumerable.Range(0, 12), grid.Near(5, 12));
        // The whole photograph is compared with whole ones.
        Assert.Equal([12], grid.Near(12, 12));
    }

    [Fact]
    public void A_pixel_belongs_to_the_tile_whose_middle_is_nearest()
    {
        var grid = new TileGrid(224, 224, 3, 2, 32);
        Assert.Equal(0, grid.TileAt(0, 0));
        Assert.Equal(0, grid.TileAt(207, 207));
        Assert.Equal(1, grid.TileAt(208, 207));
        Assert.Equal(5, grid.TileAt(607, 415));
    }

    private static RgbImage Numbered(int width, int height)
    {
        var image = new RgbImage(width, height);
        for (int i = 0; i < width * height; i++) image.Pixels[3 * i] = (byte)i;
        return image;
    }
}
