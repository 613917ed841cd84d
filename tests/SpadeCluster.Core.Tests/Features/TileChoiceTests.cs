using SpadeCluster.Features;

namespace SpadeCluster.Core.Tests.Features;

public class TileChoiceTests
{
    private static readonly FeatureModel Model =
        new("m", "d", 224, 224, [new(56, 56, 8), new(28, 28, 8), new(14, 14, 8)], 4, WeightChannels: false);

    [Theory]
    // Small enough to be seen as a whole, square or not.
    [InlineData(200, 200, 1, 1)]
    [InlineData(400, 300, 1, 1)]
    // Larger, square or not.
    [InlineData(576, 768, 2, 2)]
    [InlineData(1024, 1024, 2, 2)]
    // Elongated: along the longer side.
    [InlineData(500, 1260, 1, 3)]
    [InlineData(1260, 500, 3, 1)]
    // Cameras of 5, 12 and 150 megapixels.
    [InlineData(2592, 1944, 4, 3)]
    [InlineData(4000, 3000, 4, 3)]
    [InlineData(15000, 10000, 4, 3)]
    public void Tiles_follow_from_the_size_of_photographs(int width, int height, int columns, int rows)
    {
        var grid = TileChoice.Choose(Model, [(width, height), (width, height), (width, height)]);
        Assert.Equal((columns, rows, false), (grid.Columns, grid.Rows, grid.Letterbox));
        Assert.Equal(columns * rows == 1 ? (0, false) : (32, true), (grid.Overlap, grid.Whole));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(12)]
    public void There_are_no_more_tiles_than_the_budget_allows(int budget)
        => Assert.InRange(TileChoice.Choose(Model, [(9000, 4000)], budget) is var g ? g.Columns * g.Rows : 0, 1, budget);

    [Fact]
    public void Without_a_size_there_is_one_tile() => Assert.Equal(1, TileChoice.Choose(Model, []).Count);
}
