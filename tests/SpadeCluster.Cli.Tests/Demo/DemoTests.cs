using System.Text.Json;

namespace SpadeCluster.Cli.Tests.Demo;

public class DemoTests : WorkFolder
{
    [Fact]
    public async Task The_demo_finds_its_defects_and_its_gallery_scores()
    {
        var (exit, output, error) = await Spade.RunAsync("demo", "--out", At("demo"), "--json");
        Assert.True(exit == 0, error);
        var summary = JsonDocument.Parse(output).RootElement;
        Assert.True(summary.GetProperty("image_auroc_map_top1").GetDouble() >= 0.95, output[..600]);
        Assert.True(summary.GetProperty("pixel_auroc").GetDouble() >= 0.93);
        foreach (string figure in new[] { "image_auroc_gate", "image_auroc_map_max", "pro_30" })
            Assert.InRange(summary.GetProperty(figure).GetDouble(), 0.5, 1);
        var category = summary.GetProperty("categories")[0];
        Assert.Equal((60, 40), (category.GetProperty("train").GetInt32(), category.GetProperty("test").GetInt32()));

        string report = File.ReadAllText(At("demo", "report.html"));
        Assert.Equal(40, report.Split("<article").Length - 1);
        Assert.DoesNotContain("src='http", report, StringComparison.Ordinal);

        // The gallery it leaves is an ordinary one.
        (exit, output, error) = await Spade.RunAsync("score", "--gallery", At("demo", "galleries"), "--category", "plates", "--json",
            "--out", At("pictures"), At("demo", "dataset", "plates", "test", "stain"));
        Assert.True(exit == 0, error);
        string[] lines = output.Trim().Split('\n');
        Assert.Equal(5, lines.Length);
        foreach (string line in lines)
        {
            var score = JsonDocument.Parse(line).RootElement;
            Assert.True(score.GetProperty("pred_label").GetBoolean());
            Assert.True(score.GetProperty("pred_score").GetDouble() > 0.5);
            var region = score.GetProperty("regions")[0];
            Assert.EndsWith(".png", region.GetProperty("evidence").GetProperty("source").GetString(), StringComparison.Ordinal);
            Assert.InRange(region.GetProperty("box").GetProperty("width").GetInt32(), 1, 256);
            Assert.True(File.Exists(score.GetProperty("overlay").GetString()));
            Assert.True(File.Exists(score.GetProperty("pred_mask").GetString()));
        }

        // A folder that is not a demo's is not changed.
        File.Delete(At("demo", ".spade-demo"));
        (exit, _, error) = await Spade.RunAsync("demo", "--out", At("demo"));
        Assert.Equal(3, exit);
        Assert.True(File.Exists(At("demo", "report.html")), error);
    }
}
