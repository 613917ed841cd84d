using System.Text.Json;
using SpadeCluster.Cli.Demo;
using SpadeCluster.Imaging;

namespace SpadeCluster.Cli.Tests.Commands;

public class KnownDefectsTests : WorkFolder
{
    [Fact]
    public async Task Known_defects_propose_a_threshold_that_is_set_and_taken_back_by_hand()
    {
        string plates = Plates(8), broken = At("broken"), galleries = At("galleries");
        Directory.CreateDirectory(broken);
        for (int i = 0; i < 4; i++)
            PngEncoder.WriteFile(Path.Combine(broken, $"{i}.png"),
                PlateCamera.Photograph(300 + i, Defect.Make(Defect.Kinds[i], new Random(i))).Photograph);
        File.WriteAllText(Path.Combine(broken, "torn.png"), "no image");
        await Json(0, "gallery", "add", "plates", plates, "--gallery", galleries);

        // The bad file is named, and the other files are scored.
        var cheap = await Json(3, "gallery", "calibrate", "plates", "--defects", broken, "--gallery", galleries);
        Assert.Contains("torn.png", Assert.Single(cheap.GetProperty("problems").EnumerateArray()).GetString(), StringComparison.Ordinal);
        Assert.Equal(4, cheap.GetProperty("defects").GetInt32());
        var thresholds = cheap.GetProperty("thresholds").EnumerateArray().ToArray();
        // Twelve scores, each alone, are separated by thirteen thresholds; a higher one misses more and rejects less.
        Assert.Equal(13, thresholds.Length);
        Assert.Equal((0.0, 1.0), (Rate(thresholds[0], "misses"), Rate(thresholds[0], "false_rejects")));
        Assert.Equal((1.0, 0.0), (Rate(thresholds[^1], "misses"), Rate(thresholds[^1], "false_rejects")));
        foreach (var (lower, higher) in thresholds.Zip(thresholds.Skip(1)))
        {
            Assert.True(Number(lower, "threshold") < Number(higher, "threshold"));
            Assert.True(Rate(lower, "misses") <= Rate(higher, "misses") && Rate(lower, "false_rejects") >= Rate(higher, "false_rejects"));
        }
        foreach (var t in thresholds)
        {
            Assert.Equal(Rate(t, "misses") + Rate(t, "false_rejects"), Number(t, "cost"), 12);
            foreach (string rate in new[] { "misses", "false_rejects" })
                Assert.True(Number(t.GetProperty(rate), "low") <= Rate(t, rate) && Rate(t, rate) <= Number(t.GetProperty(rate), "high"));
        }
        var proposed = cheap.GetProperty("proposed");
        Assert.Equal(thresholds.Min(t => Number(t, "cost")), Number(proposed, "cost"));

        // If a miss costs a hundred times as much, the proposed threshold misses no defect.
        var dear = await Json(3, "gallery", "calibrate", "plates", "--defects", broken, "--cost-miss", "100", "--gallery", galleries);
        Assert.Equal(0, Rate(dear.GetProperty("proposed"), "misses"));
        // It changed no setting.
        Assert.Equal(Number(cheap.GetProperty("theta"), "threshold"), Number(dear.GetProperty("theta"), "threshold"));

        double theta = Number(proposed, "threshold");
        string text = theta.ToString("R", System.Globalization.CultureInfo.InvariantCulture);
        Assert.Equal(theta, Number(await Json(0, "gallery", "calibrate", "plates", "--theta", text, "--gallery", galleries), "theta"));
        // It stays when images are added, and the history records that a person set it.
        await Json(0, "gallery", "add", "plates", Plates(2, "more", 60), "--gallery", galleries);
        Assert.Equal(theta, Number(await Json(0, "gallery", "show", "plates", "--gallery", galleries), "theta"));
        var history = await Json(0, "gallery", "history", "plates", "--gallery", galleries);
        Assert.Contains(history.EnumerateArray(), v => v.GetProperty("reason").GetString() == $"set the defect threshold to {text}");
        Assert.NotEqual(theta, Number(await Json(0, "gallery", "calibrate", "plates", "--theta", "0", "--gallery", galleries), "theta"));
    }

    private static double Rate(JsonElement threshold, string name) => Number(threshold.GetProperty(name), "rate");

    private static double Number(JsonElement of, string name) => of.GetProperty(name).GetDouble();

    private static async Task<JsonElement> Json(int exit, params string[] args)
    {
        var (ended, output, error) = await Spade.RunAsync([.. args, "--json"]);
        Assert.True(exit == ended, error);
        return JsonDocument.Parse(output).RootElement;
    }
}
