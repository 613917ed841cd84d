using System.Text.Json;
using SpadeCluster.Neighbors;
using SpadeCluster.Storage.Files;

namespace SpadeCluster.Cli.Tests.Commands;

public class GalleryCommandsTests : WorkFolder
{
    [Fact]
    public async Task A_gallery_from_first_image_to_damage()
    {
        string plates = Plates(5), galleries = At("galleries");
        var added = await Json("gallery", "add", "plates", plates, "--gallery", galleries);
        Assert.Equal((5, 0, true),
            (added.GetProperty("added").GetInt32(), added.GetProperty("duplicates").GetInt32(),
                added.GetProperty("calibrated").GetBoolean()));
        Assert.Equal(2, added.GetProperty("version").GetInt32()); // the images, then their calibration

        var again = await Json("gallery", "add", "plates", plates, "--gallery", galleries);
        Assert.Equal((0, 5), (again.GetProperty("added").GetInt32(), again.GetProperty("duplicates").GetInt32()));
        Assert.Equal(2, again.GetProperty("version").GetInt32());

        var listed = Assert.Single((await Json("gallery", "list", "--gallery", galleries)).EnumerateArray());
        Assert.Equal("plates", listed.GetProperty("category").GetString());

        var shown = await Json("gallery", "show", "plates", "--gallery", galleries);
        Assert.Equal(5, shown.GetProperty("images").GetArrayLength());
        Assert.True(shown.GetProperty("theta").GetDouble() > 0);
        string id = shown.GetProperty("images")[0].GetProperty("image_id").GetString()!;

        var retired = await Json("gallery", "retire", "plates", id, "--reason", "blurred", "--no-calibrate", "--gallery", galleries);
        Assert.Equal(4, retired.GetProperty("images").GetArrayLength());
        Assert.Contains("blurred", retired.GetProperty("gallery").GetProperty("reason").GetString(), StringComparison.Ordinal);
        Assert.Equal(JsonValueKind.Null, retired.GetProperty("theta").ValueKind);

        var calibrated = await Json("gallery", "calibrate", "plates", "--alpha", "0.2", "--gallery", galleries);
        Assert.Equal(0.2, calibrated.GetProperty("promised_false_reject_rate").GetDouble(), 9);

        // Changes keep all settings that are not given, and learn the thresholds again.
        await Json("gallery", "calibrate", "plates", "--kappa", "3", "--levels", "1,2", "--gallery", galleries);
        await Json("gallery", "retire", "plates", calibrated.GetProperty("images")[0].GetProperty("image_id").GetString()!, "--reason",
            "dark", "--gallery", galleries);
        await Json("gallery", "add", "plates", Plates(1, "more", seed: 9), "--fusion", "per-level", "--gallery", galleries);
        var options = (await new FileGalleryStore(galleries).ReadCurrentAsync("plates"))!.Calibration!.Options;
        Assert.Equal((0.2, 3, Fusion.PerLevel), (options.Alpha, options.Kappa, options.Fusion));
        Assert.Equal([0, 1], options.Levels!);
        calibrated = await Json("gallery", "show", "plates", "--gallery", galleries);

        Assert.Equal(0, (await Spade.RunAsync("gallery", "verify", "plates", "--gallery", galleries)).Exit);
        string kept = calibrated.GetProperty("images")[1].GetProperty("image_id").GetString()!;
        string file = Directory.EnumerateFiles(galleries, $"{kept}*", SearchOption.AllDirectories).Single();
        byte[] bytes = File.ReadAllBytes(file);
        bytes[^5] ^= 8;
        File.WriteAllBytes(file, bytes);
        var (exit, _, error) = await Spade.RunAsync("gallery", "verify", "plates", "--gallery", galleries);
        Assert.Equal(3, exit);
        Assert.Contains(kept, error, StringComparison.Ordinal);
        // A score that would need the damaged image fails; it is never computed from damaged features.
        var (scored, _, why) = await Spade.RunAsync("score", "--category", "plates", "--gallery", galleries,
            Path.Combine(plates, "00.png"));
        Assert.Equal(3, scored);
        Assert.Contains("checksum", why, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_addition_without_calibration_leaves_the_verdicts_to_the_version_before()
    {
        string plates = Plates(5), more = Plates(2, "more", seed: 60), galleries = At("galleries");
        await Json("gallery", "add", "plates", plates, "--gallery", galleries);
        Assert.Equal(3, (await Json("gallery", "add", "plates", more, "--no-calibrate", "--gallery", galleries)).GetProperty("version")
            .GetInt32());
        var (exit, output, error) =
            await Spade.RunAsync("score", "--category", "plates", "--gallery", galleries, "--json", Path.Combine(plates, "00.png"));
        Assert.Equal(0, exit);
        var score = JsonDocument.Parse(output).RootElement;
        Assert.Equal((2, false), (score.GetProperty("version").GetInt32(), score.GetProperty("pred_label").GetBoolean()));
        Assert.Contains("'plates' is not calibrated", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_an_addition_says_names_duplicates_and_the_normals_of_highest_score()
    {
        string plates = Plates(5), galleries = At("galleries");
        string[] lines = (await Spade.RunAsync("gallery", "add", "plates", plates, "--gallery", galleries)).Out.Split('\n');
        var shown = await Json("gallery", "show", "plates", "--gallery", galleries);
        string highest = Assert.Single(lines, l => l.StartsWith("highest among the normals: ", StringComparison.Ordinal));
        Assert.Equal(3, highest.Split(", ").Length);
        // With five normals no threshold below the highest score has a promised rate.
        Assert.StartsWith($"{shown.GetProperty("promised_theta").GetDouble():G5} {plates}", highest["highest among the normals: ".Length..],
            StringComparison.Ordinal);
        Assert.Contains(lines, l => l.StartsWith("estimated: theta rejects ", StringComparison.Ordinal));
        string again = (await Spade.RunAsync("gallery", "add", "plates", plates, "--gallery", galleries)).Out;
        Assert.Contains("02.png and 2 more", again, StringComparison.Ordinal);

        var (exit, _, error) = await Spade.RunAsync("gallery", "retire", "plates", Path.Combine(plates, "00.png"), "--reason", " ",
            "--gallery", galleries);
        Assert.Equal(2, exit);
        Assert.Contains("say why", error, StringComparison.Ordinal);
    }

    private static async Task<JsonElement> Json(params string[] args)
    {
        var (exit, output, error) = await Spade.RunAsync([.. args, "--json"]);
        Assert.True(exit == 0, error);
        return JsonDocument.Parse(output).RootElement;
    }
}
