using System.Text.Json;
using SpadeCluster.Features;
using SpadeCluster.Imaging;

namespace SpadeCluster.Cli.Tests.Commands;

public class RegionCommandTests : WorkFolder
{
    [Fact]
    public async Task Nothing_outside_a_region_is_found()
    {
        string galleries = At("galleries"), normals = At("normals");
        Directory.CreateDirectory(normals);
        for (int i = 0; i < 5; i++) Write(Path.Combine(normals, $"{i}.png"), i, null);
        // A spot on the left, and one on the right.
        Write(At("both.png"), 9, [(60, 100), (200, 100)]);

        await Json("gallery", "add", "plates", normals, "--gallery", galleries, "--region", "0,0,128,192");
        var shown = await Json("gallery", "show", "plates", "--gallery", galleries);
        Assert.Equal("0,0,128,192", shown.GetProperty("region").GetProperty("source").GetString());
        Assert.Equal(0.5, shown.GetProperty("region").GetProperty("share").GetDouble());
        Assert.Equal(new[] { true, false }, await FoundAsync());

        // The other half, as a mask file.
        var right = new bool[256 * 192];
        for (int i = 0; i < right.Length; i++) right[i] = i % 256 >= 128;
        using (var file = File.Create(At("right.png"))) PngEncoder.WriteMask(file, right, 256, 192);
        var set = await Json("gallery", "region", "plates", At("right.png"), "--gallery", galleries, "--reason", "the right half");
        Assert.True(set.GetProperty("theta").GetDouble() > 0);
        Assert.Equal(new[] { false, true }, await FoundAsync());

        set = await Json("gallery", "region", "plates", "none", "--gallery", galleries, "--reason", "all of it");
        Assert.False(set.TryGetProperty("region", out _));
        // The highest score is at the stronger of the two spots.
        Assert.Contains(true, await FoundAsync());

        async Task<bool[]> FoundAsync()
        {
            var score = await Json("score", "--category", "plates", "--gallery", galleries, At("both.png"));
            Assert.Equal("defect", score.GetProperty("verdict").GetString());
            double[] middles = [.. score.GetProperty("regions").EnumerateArray().Select(r => r.GetProperty("box"))
                .Select(b => b.GetProperty("x").GetInt32() + b.GetProperty("width").GetInt32() / 2.0)];
            return [middles.Any(x => x < 128), middles.Any(x => x >= 128)];
        }
    }

    [Theory]
    [InlineData("10,10,300,20", "is not inside a photograph of 256x192")]
    [InlineData("10,10,0,20", "is not a box")]
    public async Task A_wrong_box_is_refused_before_anything_is_added(string box, string sentence)
    {
        Write(At("a.png"), 1, null);
        var (exit, _, error) = await Spade.RunAsync("gallery", "add", "c", At("a.png"), "--gallery", At("g"), "--region", box);
        Assert.Equal(3, exit);
        Assert.Contains(sentence, error, StringComparison.Ordinal);
        Assert.Empty((await Json("gallery", "list", "--gallery", At("g"))).EnumerateArray());
    }

    /// <summary>With a region, tiles are compared with their own position only: a reach that would have no effect is refused.</summary>
    [Fact]
    public async Task A_reach_and_copies_are_refused_with_a_region()
    {
        for (int i = 0; i < 3; i++) Write(At($"{i}.png"), i, null);
        string[] add = ["gallery", "add", "c", At("0.png"), At("1.png"), "--gallery", At("g"), "--tiles", "2x1"];
        await RefusedAsync("--tile-reach any: with a region", [.. add, "--region", "0,0,128,192", "--tile-reach", "any"]);
        await RefusedAsync("leave out --region or --copies", [.. add, "--region", "0,0,128,192", "--copies", "mirror"]);
        Assert.Empty((await Json("gallery", "list", "--gallery", At("g"))).EnumerateArray());

        await Json([.. add, "--region", "0,0,128,192", "--tile-reach", "0"]);
        await RefusedAsync("--tile-reach 1: with a region", "gallery", "calibrate", "c", "--gallery", At("g"), "--tile-reach", "1");
        await RefusedAsync("--tile-reach 1: with a region", "gallery", "add", "c", At("2.png"), "--gallery", At("g"), "--tile-reach", "1");
        Assert.Equal(2, (await Json("gallery", "show", "c", "--gallery", At("g"))).GetProperty("gallery").GetProperty("images").GetInt32());

        async Task RefusedAsync(string sentence, params string[] args)
        {
            var (exit, _, error) = await Spade.RunAsync(args);
            Assert.Equal(3, exit);
            Assert.Contains(sentence, error, StringComparison.Ordinal);
        }
    }

    private static void Write(string path, int seed, (int X, int Y)[]? spots)
    {
        var random = new Random(seed);
        var image = new RgbImage(256, 192);
        for (int i = 0; i < image.Pixels.Length; i++)
        {
            var (y, x) = Math.DivRem(i / 3, 256);
            bool spot = spots?.Any(s => Math.Abs(s.X - x) < 14 && Math.Abs(s.Y - y) < 14) == true;
            image.Pixels[i] = (byte)(spot ? 250 : 90 + 40 * Math.Sin(x / 9.0) + random.Next(8));
        }
        File.WriteAllBytes(path, PngEncoder.Encode(image));
    }

    private static async Task<JsonElement> Json(params string[] args)
    {
        var (exit, output, error) = await Spade.RunAsync([.. args, "--json"]);
        Assert.True(exit == 0, error);
        return JsonDocument.Parse(output).RootElement;
    }
}
