using System.Text.Json;
using SpadeCluster.Cli.Demo;

namespace SpadeCluster.Cli.Tests.Evaluation;

public class FewShotsTests : WorkFolder
{
    [Fact]
    public async Task With_all_normals_the_curve_ends_at_the_usual_figures()
    {
        string dataset = SmallPlates();
        var (exit, output, error) = await Spade.RunAsync("evaluate", dataset, "--shots", "4,1,100", "--seeds", "2", "--json", "--out",
            At("shots"));
        Assert.True(exit == 0, error);
        var curve = Assert.Single(JsonDocument.Parse(output).RootElement.EnumerateArray());
        Assert.Equal([1, 4], curve.GetProperty("points").EnumerateArray().Select(p => p.GetProperty("shots").GetInt32()));
        Assert.Equal([(1, 0), (4, 0), (1, 1), (4, 1)], curve.GetProperty("draws").EnumerateArray()
            .Select(d => (d.GetProperty("shots").GetInt32(), d.GetProperty("seed").GetInt32())));
        double[] single = [.. curve.GetProperty("draws").EnumerateArray().Where(d => d.GetProperty("shots").GetInt32() == 1)
            .Select(d => d.GetProperty("pixel_auroc").GetDouble())];
        var first = curve.GetProperty("points")[0].GetProperty("pixel_auroc");
        Assert.Equal(single.Average(), first.GetProperty("mean").GetDouble(), 12);
        Assert.Equal(Math.Abs(single[0] - single[1]) / Math.Sqrt(2), first.GetProperty("deviation").GetDouble(), 12);

        (exit, output, error) = await Spade.RunAsync("evaluate", dataset, "--json", "--out", At("all"));
        Assert.True(exit == 0, error);
        var all = JsonDocument.Parse(output).RootElement;
        var last = curve.GetProperty("points")[1];
        foreach (var (shot, usual) in new[] { ("image_auroc", "image_auroc_map_top1"), ("pixel_auroc", "pixel_auroc"),
            ("pro_30", "pro_30"), ("aupimo", "aupimo") })
            Assert.Equal(all.GetProperty(usual).GetDouble(), last.GetProperty(shot).GetProperty("mean").GetDouble(), 1e-6);

        string report = File.ReadAllText(At("shots", "report.html"));
        Assert.Contains("<table class='recipes'><tr><th>normals", report, StringComparison.Ordinal);
        Assert.Contains("aria-label='pixel AUROC'", report, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--shots", "0")]
    [InlineData("--shots", "1,1")]
    [InlineData("--shots", "one")]
    public async Task Wrong_numbers_are_refused(params string[] options)
    {
        var (exit, _, error) = await Spade.RunAsync(["evaluate", Root, .. options]);
        Assert.Equal(2, exit);
        Assert.Contains("--shots takes different numbers from 1 on", error, StringComparison.Ordinal);
    }

    /// <summary>Four normals, and one test image of each kind.</summary>
    private string SmallPlates()
    {
        string dataset = DemoDataset.Plates.Write(At("dataset"), (_, _) => { });
        foreach (string folder in Directory.EnumerateDirectories(dataset, "*", SearchOption.AllDirectories))
            foreach (string file in Directory.EnumerateFiles(folder).Order()
                .Skip(folder.Contains("train", StringComparison.Ordinal) ? 4 : folder.EndsWith("good", StringComparison.Ordinal) ? 3 : 1))
                File.Delete(file);
        return dataset;
    }
}
