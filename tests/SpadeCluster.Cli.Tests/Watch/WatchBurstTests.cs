using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using SpadeCluster.Features;
using SpadeCluster.Imaging;
using Xunit.Abstractions;

namespace SpadeCluster.Cli.Tests.Watch;

/// <summary>'spade watch' when many files come at once, as after an interruption of the network.</summary>
[Trait("Category", "Long")]
public sealed class WatchBurstTests(ITestOutputHelper output) : WorkFolder
{
    private const int Files = 10_000, MostMegabytes = 400;

    [Fact]
    public async Task Ten_thousand_files_at_once_are_scored_once_each_in_bounded_memory()
    {
        foreach (string folder in new[] { "normals", "line", "drop" }) Directory.CreateDirectory(At(folder));
        for (int i = 0; i < 3; i++) WritePart("normals", -1 - i);
        for (int i = 0; i < Files; i++) WritePart("line", i);
        var (added, _, why) = await Spade.RunAsync("gallery", "add", "parts", At("normals"), "--gallery", At("galleries"), "--model",
            "oriented-energy-1", "--alpha", "0.3", "--levels", "3");
        Assert.True(added == 0, why);

        using var process = Process.Start(new ProcessStartInfo("dotnet",
            [Spade.Dll, "watch", At("drop"), "--category", "parts", "--gallery", At("galleries"), "--done", At("done"), "--json"])
        { RedirectStandardOutput = true })!;
        try
        {
            // It is watching when the first file was scored.
            WritePart("line", Files);
            Drop(Name(Files));
            await ReadAsync(1);
            long before = Spade.PeakBytes(process) >> 20;
            var clock = Stopwatch.StartNew();
            for (int i = 0; i < Files; i++) Drop(Name(i));
            var dropped = clock.Elapsed;
            await ReadAsync(Files);
            long peak = Spade.PeakBytes(process) >> 20;
            output.WriteLine(FormattableString.Invariant(
                $"{Files} files in {dropped.TotalSeconds:0.0} s, scored in {clock.Elapsed.TotalSeconds:0} s, peak {before} to {peak} MB"));
            Assert.InRange(peak, 1, MostMegabytes);
        }
        finally
        {
            process.Kill();
            await process.WaitForExitAsync();
        }

        var journal = File.ReadLines(At("drop", ".spade-watch.jsonl")).Select(l => JsonDocument.Parse(l).RootElement).ToList();
        Assert.Equal(Enumerable.Range(0, Files + 1).Select(Name).Order(StringComparer.Ordinal),
            journal.Select(j => j.GetProperty("file").GetString()).Order(StringComparer.Ordinal));
        Assert.All(journal, j => Assert.Equal(JsonValueKind.Null, j.GetProperty("error").ValueKind));

        async Task ReadAsync(int lines)
        {
            using var limit = new CancellationTokenSource(TimeSpan.FromHours(1));
            for (int i = 0; i < lines; i++)
                Assert.True(await process.StandardOutput.ReadLineAsync(limit.Token) is not null, $"spade watch ended after {i} results");
        }
    }

    private static string Name(int i) => string.Create(CultureInfo.InvariantCulture, $"{i:00000}.png");

    private void Drop(string name) => File.Move(At("line", name), At("drop", name));

    /// <summary>A grey square with noise, another one for each number.</summary>
    private void WritePart(string folder, int number)
    {
        var image = new RgbImage(32, 32);
        new Random(number).NextBytes(image.Pixels);
        for (int i = 0; i < image.Pixels.Length; i++) image.Pixels[i] = (byte)(100 + image.Pixels[i] / 16);
        PngEncoder.WriteFile(At(folder, Name(number)), image);
    }
}
