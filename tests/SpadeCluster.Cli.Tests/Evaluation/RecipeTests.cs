using System.Text.Json;
using SpadeCluster.Cli.Demo;

namespace SpadeCluster.Cli.Tests.Evaluation;

public class RecipeTests : WorkFolder
{
    [Fact]
    public async Task Recipes_are_measured_beside_each_other_in_one_table_and_report()
    {
        string dataset = DemoDataset.Plates.Write(At("dataset"), (_, _) => { });
        // Ten normals and four test images of each kind are enough here.
        foreach (string folder in Directory.EnumerateDirectories(dataset, "*", SearchOption.AllDirectories))
            foreach (string file in Directory.EnumerateFiles(folder).Order()
                .Skip(folder.Contains("train", StringComparison.Ordinal) ? 10 : 4))
                File.Delete(file);
        int tests = Directory.EnumerateFiles(Path.Combine(dataset, "test"), "*", SearchOption.AllDirectories).Count();
        var (exit, output, error) = await Spade.RunAsync("evaluate", dataset, "--recipe", "patchcore,spade", "--coreset", "0.01",
            "--out", At("report"), "--json");
        Assert.True(exit == 0, error);
        var summary = JsonDocument.Parse(output).RootElement;
        var recipes = summary.GetProperty("recipes").EnumerateArray().ToDictionary(r => r.GetProperty("recipe").GetString()!);
        Assert.Equal(["patchcore", "spade"], recipes.Keys);
        foreach (var recipe in recipes.Values)
        {
            Assert.InRange(recipe.GetProperty("image_auroc_map_top1").GetDouble(), 0.8, 1);
            Assert.InRange(recipe.GetProperty("pixel_auroc").GetDouble(), 0.8, 1);
            Assert.True(recipe.GetProperty("seconds_per_image").GetDouble() > 0);
            Assert.True(recipe.GetProperty("gallery_seconds").GetDouble() > 0);
        }
        // 10 normals of 28x28 patches of 128 + 256 float32 values, one in a hundred kept.
        Assert.InRange(recipes["patchcore"].GetProperty("gallery_bytes").GetDouble(), 79 * 384 * 4, 80 * 386 * 4);
        Assert.Equal(JsonValueKind.Null, recipes["patchcore"].GetProperty("image_auroc_gate").ValueKind);
        Assert.True(recipes["spade"].GetProperty("image_auroc_gate").GetDouble() > 0.5);
        // The figures at the top are those of the first recipe.
        Assert.Equal(recipes["patchcore"].GetProperty("pixel_auroc").GetDouble(), summary.GetProperty("pixel_auroc").GetDouble());
        Assert.Equal(2, summary.GetProperty("categories").GetArrayLength());

        string report = File.ReadAllText(At("report", "report.html"));
        Assert.Contains("<table class='recipes'>", report, StringComparison.Ordinal);
        Assert.Contains("<a href='#s0'>patchcore</a>", report, StringComparison.Ordinal);
        Assert.Contains("<section id='s1'><h2>plates, spade</h2>", report, StringComparison.Ordinal);
        Assert.Equal(2 * tests, report.Split("<article").Length - 1);
    }
}
