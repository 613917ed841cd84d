using SpadeCluster.Cli.Evaluation.Paper;

namespace SpadeCluster.Cli.Tests.Evaluation.Paper;

public class PaperTablesTests
{
    [Fact]
    public void Published_figures_stand_beside_MVTec_only()
    {
        PaperResult[] results = [Result("bottle", 209, 83), Result("tile", 120, 100)];
        var tables = PaperTables.Of(results);
        var (image, pixel, pro) = (tables[0], tables[1], tables[2]);
        // The paper has no image-level figures by category, so the difference is from the other implementation.
        Assert.Null(image.Rows[0].Figures[0]);
        Assert.Equal(0.972, image.Rows[0].Figures[1]!.Value, 12);
        Assert.Equal(0.6 - 0.972, image.Rows[0].Figures[2]!.Difference!.Value, 12);
        Assert.Equal(0.984, pixel.Rows[0].Figures[0]!.Value, 12);
        Assert.Equal(0.8 - 0.984, pixel.Rows[0].Figures[2]!.Difference!.Value, 12);
        Assert.Equal(new PaperFigure(0.7), pro.Rows[0].Figures[2]);

        // Another set's tile, and the mean of a part of the categories, have no published figures.
        Assert.Equal([null, null, new PaperFigure(0.8), null], pixel.Rows[1].Figures);
        Assert.Equal(["bottle", "tile", "mean"], pixel.Rows.Select(r => r.Name));
        Assert.Equal([null, null, new PaperFigure(0.8), null], pixel.Rows[2].Figures);
    }

    [Fact]
    public void The_published_means_are_those_of_all_categories()
    {
        var mean = PaperTables.Of([.. Published.Mvtec.Select(c => Result(c.Name, c.Train, c.Test))])[1].Rows[^1];
        Assert.Equal(0.96, mean.Figures[0]!.Value, 12);
        Assert.Equal(-0.16, mean.Figures[2]!.Difference!.Value, 12);
        Assert.Equal((3629, 1725), (Published.Mvtec.Sum(c => c.Train), Published.Mvtec.Sum(c => c.Test)));
        // The rows and the means are of one table each.
        Assert.Equal(Published.PixelMean, Published.Mvtec.Average(c => c.PaperPixel), 0.05);
        Assert.Equal(Published.OtherImageMean, Published.Mvtec.Average(c => c.OtherImage), 0.05);
        Assert.Equal(Published.OtherPixelMean, Published.Mvtec.Average(c => c.OtherPixel), 0.05);
    }

    [Fact]
    public void Ablations_are_means_over_the_categories()
    {
        PaperResult[] results = [Result("a", 5, 5), Result("b", 5, 5),
            Result("a", 5, 5) with { Setting = "levels-2", PixelAuroc = 0.5 },
            Result("b", 5, 5) with { Setting = "levels-2", PixelAuroc = 0.7 }];
        var table = PaperTables.Of(results).Single(t => t.Title.Contains("levels (1 the finest), mean pixel", StringComparison.Ordinal));
        Assert.Equal(["level 3", "level 2", "level 1", "levels 2, 3", "all levels"], table.Rows.Select(r => r.Name));
        Assert.Equal([null, 0.6, null, null, 0.8],
            table.Rows.Select(r => r.Figures[2]?.Value is { } v ? Math.Round(v, 12) : (double?)null));
    }

    [Fact]
    public void Clips_have_the_published_figure_if_all_are_there()
    {
        var all = PaperTables.Of([Result("clips", 100, 500) with { Clips = 107 }])[0];
        Assert.Equal(0.719, all.Rows[0].Figures[0]!.Value, 12);
        Assert.Equal(0.6 - 0.719, all.Rows[0].Figures[2]!.Difference!.Value, 12);
        Assert.Null(PaperTables.Of([Result("clips", 100, 500) with { Clips = 30 }])[0].Rows[0].Figures[0]);
    }

    internal static PaperResult Result(string category, int train, int test) => new()
    {
        Set = "set",
        Category = category,
        Setting = "paper",
        Model = "model",
        ModelDigest = "digest",
        Data = "data",
        Preprocessing = "",
        Levels = ["56x56x1", "28x28x1", "14x14x1"],
        GateK = 1,
        GalleryK = 1,
        Train = train,
        Test = test,
        ImageAurocGate = 0.6,
        PixelAuroc = 0.8,
        Pro30 = 0.7,
        Version = "",
        Runtime = "",
        Machine = "",
        Date = "",
    };
}
