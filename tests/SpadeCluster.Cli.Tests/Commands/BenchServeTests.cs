using System.Text.Json;
using SpadeCluster.Cli.Commands;

namespace SpadeCluster.Cli.Tests.Commands;

public sealed class BenchServeTests : WorkFolder
{
    [Fact]
    public async Task It_starts_a_server_and_relates_its_answers_to_the_network_alone()
    {
        string plates = await GalleryAsync();
        var (exit, output, error) = await Spade.InAsync(Root, "bench", "serve", "--category", "plates", "--model",
            "oriented-energy-1", "--connections", "3", "--rounds", "2",
            "--seconds", "0.2", "--json", plates);

        Assert.True(exit == 0, error);
        using var document = JsonDocument.Parse(output);
        var result = document.RootElement;
        Assert.Equal(("plates", 3, 2), (result.GetProperty("category").GetString(), result.GetProperty("connections").GetInt32(),
            result.GetProperty("rounds").GetInt32()));
        var (alone, served, ratio) = (Spread(result, "forward_per_second"), Spread(result, "served_per_second"),
            Spread(result, "throughput_ratio"));
        // Of two rounds the median is the mean, and each round's ratio lies between those of the extremes.
        Assert.InRange(ratio.Median, served.Min / alone.Max, served.Max / alone.Min);
        var (forward, latency) = (Spread(result, "forward_ms"), Spread(result, "latency_ratio"));
        Assert.True(0 < forward.Min && 0 < latency.Min, output);
        var single = result.GetProperty("one_at_a_time_ms");
        Assert.InRange(single.GetProperty("p50").GetDouble(), double.Epsilon, single.GetProperty("p99").GetDouble());
    }

    [Fact]
    public async Task The_network_must_be_the_gallerys()
    {
        string plates = await GalleryAsync();
        var (exit, _, error) = await Spade.InAsync(Root, "bench", "serve", "--category", "plates", "--model", "resnet18", plates);

        Assert.Equal(ExitCodes.BadData, exit);
        Assert.Contains("'oriented-energy-1'", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_running_server_has_its_own_settings()
    {
        var (exit, _, error) = await Spade.InAsync(Root, "bench", "serve", "--category", "plates", "--server", "127.0.0.1:1", "--slots",
            "4",
            Plates(1));

        Assert.Equal(ExitCodes.BadData, exit);
        Assert.Contains("--slots", error, StringComparison.Ordinal);
    }

    /// <summary>A gallery whose model is small, and its photographs.</summary>
    private async Task<string> GalleryAsync()
    {
        string plates = Plates(6);
        var (exit, _, error) = await Spade.InAsync(Root, "gallery", "add", "plates", plates, "--model", "oriented-energy-1");
        Assert.True(exit == 0, error);
        return plates;
    }

    private static (double Median, double Min, double Max) Spread(JsonElement result, string name)
    {
        var spread = result.GetProperty(name);
        return (spread.GetProperty("median").GetDouble(), spread.GetProperty("min").GetDouble(), spread.GetProperty("max").GetDouble());
    }
}
