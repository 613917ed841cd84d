using System.Diagnostics;
using System.Text.Json;
using SixLabors.ImageSharp;

namespace SpadeCluster.Cli.Tests.Commands;

/// <summary>Where models run, and which files they read.</summary>
public class DeviceTests : WorkFolder
{
    [Fact]
    public async Task An_image_of_the_gallery_scores_0_for_any_number_of_threads()
    {
        string plates = Plates(5), query = Path.Combine(Plates(1, "query", seed: 90), "00.png");
        var (exit, _, error) = await Spade.RunAsync("gallery", "add", "plates", plates, "--gallery", At("galleries"), "--threads", "1");
        Assert.True(exit == 0, error);
        (exit, string output, error) =
            await Spade.RunAsync("score", "--category", "plates", "--gallery", At("galleries"), "--threads", "3", "--json", query,
                Path.Combine(plates, "02.png"));
        Assert.True(exit == 0, error);
        double[] scores = [.. output.Trim().Split('\n')
            .Select(l => JsonDocument.Parse(l).RootElement.GetProperty("raw_score").GetDouble())];
        Assert.True(scores[0] > 0);
        Assert.Equal(0, scores[1]);
    }

    [Fact]
    public async Task Tiff_and_WebP_photographs_score_as_their_PNG_does()
    {
        string png = Path.Combine(Plates(1, "query", seed: 90), "00.png");
        using (var image = await Image.LoadAsync(png))
        {
            await image.SaveAsTiffAsync(At("query", "00.tif"));
            await image.SaveAsync(At("query", "00.webp"),
                new SixLabors.ImageSharp.Formats.Webp.WebpEncoder
                {
                    FileFormat =
                    SixLabors.ImageSharp.Formats.Webp.WebpFileFormatType.Lossless
                });
        }
        var (exit, _, error) = await Spade.RunAsync("gallery", "add", "plates", Plates(4), "--gallery", At("galleries"));
        Assert.True(exit == 0, error);
        (exit, string output, error) =
            await Spade.RunAsync("score", "--category", "plates", "--gallery", At("galleries"), "--json", png, At("query", "00.tif"),
                At("query", "00.webp"));
        Assert.True(exit == 0, error);
        Assert.Single(output.Trim().Split('\n').Select(l => JsonDocument.Parse(l).RootElement.GetProperty("raw_score").GetDouble())
            .Distinct());
    }

    /// <summary>ONNX Runtime would keep telemetry there: see <c>Telemetry</c>.</summary>
    [Fact]
    public async Task Only_the_cache_is_written_to_the_users_home_folder()
    {
        Directory.CreateDirectory(At("home"));
        var start = new ProcessStartInfo("dotnet", [Spade.Dll, "gallery", "add", "plates", Plates(4), "--gallery", At("galleries")]);
        start.Environment["HOME"] = At("home");
        foreach (string name in new[] { "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "ORT_DISABLE_TELEMETRY" })
            start.Environment.Remove(name);
        var (exit, _, error) = await Spade.StartAsync(start);
        Assert.True(exit == 0, error);
        string[] written = Directory.GetFiles(At("home"), "*", SearchOption.AllDirectories);
        Assert.Equal(3, written.Length);
        Assert.All(written, file => Assert.StartsWith(At("home", ".cache", "spadecluster", "networks"), file, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(3, "'gpu' is not a device", "gpu")]
    [InlineData(5, "device cuda:63 cannot be used", "cuda:63")]
    public async Task A_device_that_cannot_be_had_is_one_sentence(int code, string says, string device)
    {
        var (exit, output, error) =
            await Spade.RunAsync("gallery", "add", "plates", Plates(2), "--gallery", At("galleries"), "--device", device);
        Assert.Equal((code, ""), (exit, output));
        Assert.Contains(says, Assert.Single(error.Trim().Split('\n')), StringComparison.Ordinal);
    }
}
