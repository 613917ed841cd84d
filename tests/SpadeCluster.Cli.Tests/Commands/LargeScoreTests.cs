using System.Diagnostics;
using System.Text.Json;
using SpadeCluster.Features;
using SpadeCluster.Imaging;
using Xunit.Abstractions;

namespace SpadeCluster.Cli.Tests.Commands;

/// <summary>The memory of 'spade score' for a photograph of 150 megapixels: 1.6 times its pixels and 300 MB (docs/tiles.md).</summary>
public sealed class LargeScoreTests(ITestOutputHelper output) : WorkFolder
{
    private const int Width = 14204, Height = 10652;

    private const long Limit = (long)(1.6 * 3 * Width * Height) + 300_000_000;

    [Theory]
    [InlineData("large.png")]
    [InlineData("large.jpg")]
    public async Task A_photograph_of_150_megapixels_is_scored_in_bounded_memory(string name)
    {
        string plates = Plates(4);
        var (added, _, why) = await Spade.RunAsync("gallery", "add", "plates", plates, "--gallery", At("galleries"), "--tiles", "6x4");
        Assert.True(added == 0, why);
        WritePhotograph(At(name));
        GC.Collect();

        // The small photographs keep the process alive until its memory was read.
        using var process = Process.Start(new ProcessStartInfo("dotnet",
            [Spade.Dll, "score", At(name), plates, "--category", "plates", "--gallery", At("galleries"), "--json"])
        { RedirectStandardOutput = true })!;
        string line = await process.StandardOutput.ReadLineAsync() ?? "";
        long peak = Spade.PeakBytes(process);
        await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        output.WriteLine(FormattableString.Invariant($"{name}: {new FileInfo(At(name)).Length / 1e6:0} MB, at most {peak / 1e6:0} MB"));

        Assert.EndsWith(name, JsonDocument.Parse(line).RootElement.GetProperty("file").GetString(), StringComparison.Ordinal);
        Assert.InRange(peak, 3L * Width * Height, Limit);
    }

    /// <summary>Noise of one bit: the PNG file has 0.3 times the bytes of its pixels.</summary>
    private static void WritePhotograph(string path)
    {
        var image = new RgbImage(Width, Height);
        new Random(7).NextBytes(image.Pixels);
        foreach (ref byte pixel in image.Pixels.AsSpan()) pixel = (byte)(100 + (pixel & 1));
        if (path.EndsWith(".png", StringComparison.Ordinal)) PngEncoder.WriteFile(path, image);
        else File.WriteAllBytes(path, JpegEncoder.Encode(image, 90));
    }
}
