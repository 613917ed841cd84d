using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using System.Xml.Linq;
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
        var v = figures.Variation!;
        foreach (double variation in new[] { v.Prepare, v.Extract, v.ImageSearch, v.PixelSearch, v.Map })
            Assert.InRange(variation, 1e-6, 100);

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
        Assert.Contains($"full first: {plan.RootElement.GetProperty("bottleneck").GetString()}", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_page_has_the_plans_figures_as_charts_and_needs_no_other_file()
    {
        var (exit, text, error) = await Spade.InAsync(Root, "plan", "--lines", "20", "--rate", "2", "--layout", "separate", "--images",
            "500", "--html", "plan.html", "--json");
        Assert.True(exit == 0, error);
        using var plan = JsonDocument.Parse(text);
        string page = await File.ReadAllTextAsync(At("plan.html"));
        XElement[] charts = [.. Regex.Matches(page, "<svg.*?</svg>", RegexOptions.Singleline).Select(m => XElement.Parse(m.Value))];

        Assert.Equal(5, charts.Length);
        // Bars are as long as the values are large.
        var network = plan.RootElement.GetProperty("network").EnumerateObject().ToList();
        var bars = charts.Single(c => c.Attribute("aria-label")!.Value.StartsWith("Bytes", StringComparison.Ordinal)).Elements("rect")
            .Select(r => double.Parse(r.Attribute("width")!.Value, CultureInfo.InvariantCulture)).ToList();
        double most = network.Max(n => n.Value.GetDouble()), longest = bars.Max();
        Assert.Equal(network.Count, bars.Count);
        Assert.All(network.Zip(bars), n => Assert.Equal(n.First.Value.GetDouble() / most, n.Second / longest, 0.01));
        // The first of the resources is the bottleneck, in both.
        var first = plan.RootElement.GetProperty("resources")[0];
        Assert.Equal(plan.RootElement.GetProperty("bottleneck").GetString(), first.GetProperty("name").GetString());
        Assert.Equal(first.GetProperty("name").GetString(), charts[2].Elements("text").First().Value);
        Assert.Contains($"Full first: <b>{first.GetProperty("name").GetString()}</b>", page, StringComparison.Ordinal);
        Assert.DoesNotMatch("<script|src=|href=|url\\(|@import", page);
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
        foreach (var (wrong, said) in new[]
        {
            (Packaged with { MapMs = -1 }, "map_ms is -1"),
            (Packaged with { Variation = Packaged.Variation! with { Extract = -0.5 } }, "variation.extract is -0.5"),
        })
        {
            await WriteAsync(wrong);
            var (exit, _, error) = await Spade.InAsync(Root, "plan", "--figures", "figures.json");

            Assert.Equal(ExitCodes.BadData, exit);
            Assert.Contains(said, error, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Latencies_vary_as_the_figures_say()
    {
        await WriteAsync(Packaged);
        var varied = await SimulatedAsync();
        Assert.True(varied.P99 > 1.05 * varied.P50, $"{varied}");
        Assert.DoesNotContain("variation", varied.Text, StringComparison.Ordinal);
        Assert.Equal(varied, await SimulatedAsync());

        await WriteAsync(Packaged with { Variation = null });
        var equal = await SimulatedAsync();
        Assert.Equal(equal.P50, equal.P99, 1e-6);
        Assert.Contains("do not have the variation of stages", equal.Text, StringComparison.Ordinal);

        // A client that waits for each answer, so that no image waits.
        async Task<(double P50, double P99, string Text)> SimulatedAsync()
        {
            var (exit, text, error) = await Spade.InAsync(Root, "plan", "--figures", "figures.json", "--connections", "1", "--gateways",
                "1", "--galleries", "1", "--images", "500", "--json");
            Assert.True(exit == 0, error);
            using var plan = JsonDocument.Parse(text);
            var simulated = plan.RootElement.GetProperty("simulated");
            return (simulated.GetProperty("p50").GetDouble(), simulated.GetProperty("p99").GetDouble(), text);
        }
    }

    [Fact]
    public async Task Options_that_do_not_fit_together_are_refused()
    {
        var (exit, _, error) = await Spade.InAsync(Root, "plan", "--layout", "serve", "--galleries", "2");
        Assert.Equal(ExitCodes.BadData, exit);
        Assert.Contains("--galleries", error, StringComparison.Ordinal);

        (exit, _, error) = await Spade.InAsync(Root, "plan", "--extractors", "2");
        Assert.Equal(ExitCodes.BadData, exit);
        Assert.Contains("--extractors", error, StringComparison.Ordinal);

        (exit, _, error) = await Spade.InAsync(Root, "plan", "--other-ms", "2");
        Assert.Equal(ExitCodes.BadData, exit);
        Assert.Contains("--one-machine", error, StringComparison.Ordinal);
    }

    private static UnitFigures Packaged { get; } = UnitFigures.Read(null);

    private Task WriteAsync(UnitFigures figures)
        => File.WriteAllTextAsync(At("figures.json"), JsonSerializer.Serialize(figures, Cli.Output.CliJson.Default.UnitFigures));
}
