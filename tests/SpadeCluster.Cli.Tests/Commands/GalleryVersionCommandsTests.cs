using System.Text.Json;

namespace SpadeCluster.Cli.Tests.Commands;

public class GalleryVersionCommandsTests : WorkFolder
{
    [Fact]
    public async Task A_gallerys_history_from_a_bad_add_to_another_machine()
    {
        string plates = Plates(3), bad = Plates(2, "bad", seed: 50), galleries = At("galleries"), file = At("plates.tar");
        await Json("gallery", "add", "plates", plates, "--gallery", galleries);
        await Json("gallery", "add", "plates", bad, "--no-calibrate", "--gallery", galleries);

        var diff = await Json("gallery", "diff", "plates", "2", "3", "--gallery", galleries);
        Assert.Equal((2, 0), (diff.GetProperty("added").GetArrayLength(), diff.GetProperty("removed").GetArrayLength()));
        var back = await Json("gallery", "rollback", "plates", "2", "--reason", "lamp was broken", "--gallery", galleries);
        Assert.Equal((4, 3), (back.GetProperty("gallery").GetProperty("version").GetInt32(), back.GetProperty("images").GetArrayLength()));
        Assert.True(back.GetProperty("theta").GetDouble() > 0);

        string picture = Path.Combine(plates, "01.png");
        await Json("gallery", "retire", "plates", picture, "--reason", "blurred", "--gallery", galleries);
        await Json("gallery", "restore", "plates", picture, "--reason", "it was not", "--gallery", galleries);
        var history = await Json("gallery", "history", "plates", "--gallery", galleries);
        Assert.Equal(Enumerable.Range(1, 7), history.EnumerateArray().Select(v => v.GetProperty("version").GetInt32()));
        Assert.Equal("roll back to version 2: lamp was broken", history[3].GetProperty("reason").GetString());

        var exported = await Json("gallery", "export", "plates", file, "--gallery", galleries);
        Assert.Equal((7, 5), (exported.GetProperty("versions").GetInt32(), exported.GetProperty("images").GetInt32()));
        var imported = await Json("gallery", "import", file, "--gallery", At("elsewhere"));
        Assert.Equal(7, imported.GetProperty("gallery").GetProperty("version").GetInt32());
        Assert.Equal(3, (await Spade.RunAsync("gallery", "import", file, "--gallery", At("elsewhere"))).Exit);
        Assert.Equal(0, (await Spade.RunAsync("gallery", "verify", "plates", "--gallery", At("elsewhere"))).Exit);

        // The same, in other parts.
        var (exit, output, error) = await Spade.RunAsync("gallery", "reshard", "plates", "3", "--gallery", At("elsewhere"));
        Assert.True(exit == 0, error);
        Assert.Equal("plates: version 8 with 3 images in 3 shards", output.Trim());
        var spread = await Json("gallery", "reshard", "plates", "2", "--gallery", At("elsewhere"));
        Assert.Equal("reshard from 3 to 2", spread.GetProperty("gallery").GetProperty("reason").GetString());
        Assert.Equal(3, (await Spade.RunAsync("gallery", "reshard", "plates", "0", "--gallery", At("elsewhere"))).Exit);

        var compacted = await Json("gallery", "compact", "plates", "--keep-versions", "1", "--gallery", galleries);
        Assert.Equal((6, 2), (compacted.GetProperty("dropped").GetArrayLength(), compacted.GetProperty("images").GetInt32()));
        Assert.Equal(4, (await Spade.RunAsync("gallery", "rollback", "plates", "2", "--reason", "too late", "--gallery", galleries)).Exit);
    }

    [Fact]
    public async Task A_compressed_gallery_is_smaller_and_scores_the_same()
    {
        string plates = Plates(5), galleries = At("galleries"), query = Path.Combine(Plates(1, "query", seed: 90), "00.png");
        await Json("gallery", "add", "plates", plates, "--gallery", galleries);
        var before = await Json("score", query, "--category", "plates", "--gallery", galleries);
        var report = await Json("gallery", "compress", "plates", "--gallery", galleries);
        Assert.Equal(5, report.GetProperty("images").GetInt32());
        long plain = report.GetProperty("bytes_before").GetInt64(), compressed = report.GetProperty("bytes_after").GetInt64();
        Assert.InRange(compressed, 1, 0.8 * plain);
        Assert.Equal(compressed,
            Directory.EnumerateFiles(galleries, "*.spade", SearchOption.AllDirectories).Sum(f => new FileInfo(f).Length));
        var after = await Json("score", query, "--category", "plates", "--gallery", galleries);
        foreach (string number in new[] { "raw_score", "map_max", "gate_distance", "theta" })
            Assert.Equal(before.GetProperty(number).GetDouble(), after.GetProperty(number).GetDouble());
        var (exit, output, error) = await Spade.RunAsync("gallery", "compress", "plates", "--gallery", galleries);
        Assert.True(exit == 0, error);
        Assert.StartsWith("plates: 5 images, ", output, StringComparison.Ordinal);
        Assert.Equal(plain, (await Json("gallery", "compress", "plates", "--undo", "--gallery", galleries)).GetProperty("bytes_after")
            .GetInt64());
        Assert.Equal(4, (await Spade.RunAsync("gallery", "compress", "nails", "--gallery", galleries)).Exit);
        Assert.False(Directory.Exists(Path.Combine(galleries, "nails")));
    }

    [Fact]
    public async Task A_reason_for_adding_is_in_the_history_and_short_names_will_do()
    {
        string plates = Plates(3), galleries = At("galleries");
        Assert.Equal(2, (await Spade.RunAsync("gallery", "add", "plates", plates, "--reason", " ", "--gallery", galleries)).Exit);
        await Json("gallery", "add", "plates", plates, "--reason", "first shift", "--no-calibrate", "--gallery", galleries);
        await Json("gallery", "retire", "plates", "01.png", "--reason", "blurred", "--no-calibrate", "--gallery", galleries);
        await Json("gallery", "restore", "plates", "01.png", "--reason", "it was not", "--no-calibrate", "--gallery", galleries);
        await Json("gallery", "add", "plates", Plates(2, "more", seed: 50), "--no-calibrate", "--gallery", galleries);
        var history = await Json("gallery", "history", "plates", "--gallery", galleries);
        string[] reasons = [.. history.EnumerateArray().Select(v => v.GetProperty("reason").GetString()!)];
        string picture = Path.Combine(plates, "01.png");
        Assert.Equal(["add 3 images: first shift", $"retire {picture}: blurred", $"restore {picture}: it was not", "add 2 images"],
            reasons);

        var (exit, _, error) = await Spade.RunAsync("gallery", "retire", "plates", "01.png", "--reason", "blurred", "--gallery", galleries);
        Assert.Equal(3, exit);
        Assert.Contains("'01.png' may be 2 images: ", error, StringComparison.Ordinal);
    }

    private static async Task<JsonElement> Json(params string[] args)
    {
        var (exit, output, error) = await Spade.RunAsync([.. args, "--json"]);
        Assert.True(exit == 0, $"spade {string.Join(' ', args)}: {error}");
        return JsonDocument.Parse(output).RootElement;
    }
}
