using System.Text.Json;
using SpadeCluster.Cli.Commands;

namespace SpadeCluster.Cli.Tests.Commands;

public sealed class BenchLargeTests : WorkFolder
{
    [Fact]
    public async Task It_relates_large_photographs_to_passes_and_single_tiles_and_keeps_its_galleries()
    {
        string[] command = ["bench", "large", "--gallery", At("galleries"), "--model", "oriented-energy-1", "--normals", "3",
            "--tiles", "2x1", "--rounds", "1", "--json"];
        var (exit, output, error) = await Spade.InAsync(Root, command);

        Assert.True(exit == 0, error);
        using var document = JsonDocument.Parse(output);
        var result = document.RootElement;
        Assert.Equal((2, 3, 1), (result.GetProperty("tiles").GetInt32(), result.GetProperty("gallery_k").GetInt32(),
            result.GetProperty("rounds").GetInt32()));
        double pass = Median(result, "pass_ms");
        foreach (var photograph in result.GetProperty("photographs").EnumerateArray())
        {
            double whole = Median(photograph, "photograph_ms");
            // With one round, medians are that round's; each format has its own passes.
            Assert.Equal(whole / (2 * Median(photograph, "tile_ms")), Median(photograph, "per_tiles"), 1e-9);
            Assert.InRange(whole, photograph.GetProperty("stages").GetProperty("total").GetDouble(), double.MaxValue);
            Assert.True(Median(photograph, "per_passes") > 1 && pass > 0, output);
        }
        Assert.Equal(["PNG", "JPEG"], result.GetProperty("photographs").EnumerateArray().Select(p => p.GetProperty("format").GetString()));
        Assert.InRange(result.GetProperty("disk").GetProperty("ratio").GetDouble(), 0.95, 1.05);

        (exit, _, error) = await Spade.InAsync(Root, command);
        Assert.True(exit == 0, error);
        Assert.DoesNotContain("normal 1 of 3", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tiles_that_cannot_be_are_refused()
    {
        var (exit, _, error) = await Spade.InAsync(Root, "bench", "large", "--tiles", "auto");

        Assert.Equal(ExitCodes.BadData, exit);
        Assert.Contains("such as 3x2", error, StringComparison.Ordinal);
    }

    private static double Median(JsonElement of, string name) => of.GetProperty(name).GetProperty("median").GetDouble();
}
