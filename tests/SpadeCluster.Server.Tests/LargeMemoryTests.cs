using System.Diagnostics;
using System.Globalization;
using SpadeCluster.Features;
using SpadeCluster.Imaging;
using Xunit.Abstractions;

namespace SpadeCluster.Server.Tests;

/// <summary>The memory of 'spade serve' for photographs of 150 megapixels.</summary>
[Trait("Category", "Long")]
public sealed class LargeMemoryTests(OpenServerFixture server, ITestOutputHelper output) : IClassFixture<OpenServerFixture>
{
    private const int Width = 14204, Height = 10652, Photographs = 12;

    /// <summary>Pixels that are decoded at the same time, three bytes each, and what the rest of a large request takes (docs/tiles.md).
    /// </summary>
    private const long Decoded = 3 * 320_000_000L, Rest = 300L << 20;

    /// <summary>Two of them are decoded at a time. Afterwards the server is as large as before.</summary>
    [Fact]
    public async Task Twelve_photographs_at_once_stay_within_the_budget_and_are_given_back()
    {
        byte[] file = Photograph();
        var (process, address) = await ServerProcess.StartAsync(server.Folder, Path.Combine(server.Folder, "large"));
        using (process)
        {
            using var client = new HttpClient { BaseAddress = new Uri(address), Timeout = TimeSpan.FromMinutes(20) };
            await ScoreAsync(client, Part.Good(1), "image/png");
            process.Refresh();
            long start = process.WorkingSet64;
            await Task.WhenAll(Enumerable.Range(0, Photographs).Select(_ => ScoreAsync(client, file, "image/jpeg")));
            process.Refresh();
            long peak = process.PeakWorkingSet64, requests = (long)Photographs * file.Length;
            long left = await SettledAsync(process, start + Rest / 2);
            process.Kill();
            await process.WaitForExitAsync();
            output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{start >> 20} MB at the start, at most {peak >> 20} MB, {left >> 20} MB afterwards; requests {requests >> 20} MB"));
            Assert.True(peak >= start + 3L * Width * Height, "the peak should include at least one decoded photograph");
            Assert.True(peak <= start + Decoded + requests + Rest, $"at most {peak >> 20} MB, {start >> 20} MB at the start");
            Assert.True(left <= start + Rest / 2, $"{left >> 20} MB a minute afterwards, {start >> 20} MB at the start");
        }
    }

    private static async Task ScoreAsync(HttpClient client, byte[] file, string type)
        => (await client.PostAsync("/v1/score?category=discs", ServerFixture.Image(file, type))).EnsureSuccessStatusCode();

    /// <summary>The memory as soon as it is small enough, or after a minute.</summary>
    private static async Task<long> SettledAsync(Process process, long enough)
    {
        for (var clock = Stopwatch.StartNew(); ; await Task.Delay(TimeSpan.FromSeconds(1)))
        {
            process.Refresh();
            if (process.WorkingSet64 <= enough || clock.Elapsed > TimeSpan.FromMinutes(1)) return process.WorkingSet64;
        }
    }

    private static byte[] Photograph()
    {
        var image = new RgbImage(Width, Height);
        for (int y = 0; y < Height; y++)
            image.Pixels.AsSpan(3 * y * Width, 3 * Width).Fill((byte)(60 + y / 64 % 128));
        return JpegEncoder.Encode(image, 80);
    }
}
