using System.Text.Json;
using SpadeCluster.Cli.Commands;
using SpadeCluster.Cli.Planning;

namespace SpadeCluster.Cli.Tests.Planning;

public sealed class PlanCommandTests : WorkFolder
{
    [Fact]
    public async Task Figures_are_measured_and_planned_with()
    {
        var (exit, text, error) = await Spade.InAsync(Root, "bench", "calibrate", Plates(8), "--model", "oriented-energy-1", "--seconds",
            "0.1", "--out", "figures.json");
        Assert.True(exit == 0, error);
        Assert.Contains("a tile", text, StringComparison.Ordinal);
        var figures = UnitFigures.Read(At("figures.json"));
        Assert.Equal("oriented-energy-1", figures.Model.Name);
        foreach (double ms in new[] { figures.ExtractMs, figures.Jpeg.MsPerMegapixel, figures.Png.MsPerMegapixel, figures.MapMs,
            figures.ImageSearchMs, figures.MergeMs, figures.SerialiseMsPerMegabyte, figures.PixelSearchMs
            + figures.PixelSearchMsPerNeighbour })
            Assert.InRange(ms, 1e-6, 10_000);

        string[] load = ["plan", "--figures", "figures.json", "--lines", "3", "--rate", "0.5", "--categories", "4", "--normals", "20",
            "--images", "500"];
        (exit, text, error) = await Spade.InAsync(Root, [.. load, "--json"]);
        Assert.True(exit == 0, error);
        using var plan = JsonDocument.Parse(text);
        var simulated = plan.RootElement.GetProperty("simulated");
        Assert.Equal(500, simulated.GetProperty("answered").GetInt32() + simulated.GetProperty("refused").GetInt32());
        Assert.Equal(1.5, plan.RootElement.GetProperty("decisions_per_second").GetDouble());
        Assert.Equal(figures.Machine, plan.RootElement.GetProperty("figures").GetString());

        (exit, text, error) = await Spade.InAsync(Root, load);
        Assert.True(exit == 0, error);
        Assert.Contains($"bottleneck: {plan.RootElement.GetProperty("bottleneck").GetString()}", text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{", "is not a file of 'spade bench calibrate'")]
    [InlineData("null", "is empty")]
    [InlineData("{\"machine\": \"x\"}", "lacks its model")]
    public async Task A_file_that_is_none_is_refused(string content, string said)
    {
        await File.WriteAllTextAsync(At("figures.json"), content);
        var (exit, _, error) = await Spade.InAsync(Root, "plan", "--figures", "figures.json");

        Assert.Equal(ExitCodes.BadData, exit);
        Assert.Contains(said, error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_figure_below_nothing_is_refused()
    {
        string json = JsonSerializer.Serialize(UnitFigures.Read(null) with { MapMs = -1 }, Cli.Output.CliJson.Default.UnitFigures);
        await File.WriteAllTextAsync(At("figures.json"), json);
        var (exit, _, error) = await Spade.InAsync(Root, "plan", "--figures", "figures.json");

        Assert.Equal(ExitCodes.BadData, exit);
        Assert.Contains("map_ms is -1", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Roles_that_a_layout_does_not_have_are_refused()
    {
        var (exit, _, error) = await Spade.InAsync(Root, "plan", "--layout", "serve", "--galleries", "2");
        Assert.Equal(ExitCodes.BadData, exit);
        Assert.Contains("--galleries", error, StringComparison.Ordinal);

        (exit, _, error) = await Spade.InAsync(Root, "plan", "--extractors", "2");
        Assert.Equal(ExitCodes.BadData, exit);
        Assert.Contains("--extractors", error, StringComparison.Ordinal);
    }
}
