using System.Diagnostics;
using System.Text.Json;
using System.Text.RegularExpressions;
using SpadeCluster.Cli.Demo;
using SpadeCluster.Cli.Evaluation.Paper;

namespace SpadeCluster.Cli.Tests.Evaluation.Paper;

public partial class ReproduceCommandTests : WorkFolder
{
    private static readonly string[] Settings =
        ["k1", "k3", "k5", "k10", "paper", "levels-3", "levels-2", "levels-1", "levels-2-3", "default"];

    [Fact]
    public async Task Figures_are_those_of_evaluate()
    {
        string set = SmallSet("a");
        var (exit, output, error) = await Spade.InAsync(Root, "reproduce", set, "--model", "wide_resnet50_2", "--model",
            "oriented-energy-1", "--json", "--out", At("out"));
        Assert.True(exit == 0, error);
        Assert.Contains("going on without wide_resnet50_2", error, StringComparison.Ordinal);
        Assert.Contains("https://download.pytorch.org/models/wide_resnet50_2-95faca4d.pth", error, StringComparison.Ordinal);
        var report = JsonDocument.Parse(output).RootElement;
        Assert.Equal(File.ReadAllText(At("out", "report.json")), output.TrimEnd());
        var results = report.GetProperty("results").EnumerateArray().ToDictionary(r => r.GetProperty("setting").GetString()!);
        Assert.Equal(Settings, results.Keys);
        Assert.All(results.Values, r => Assert.Equal((4, 3), (r.GetProperty("train").GetInt32(), r.GetProperty("test").GetInt32())));
        Assert.Equal(["28x28", "14x14"], results["levels-2-3"].GetProperty("levels").EnumerateArray()
            .Select(l => l.GetString()![..5]));

        foreach (var (setting, options) in new (string, string[])[]
        {
            ("levels-2-3", ["--recipe", "paper", "--levels", "2,3"]),
            ("k3", ["--recipe", "paper", "--gate-k", "3", "--gallery-k", "3"]), ("default", []),
        })
        {
            (exit, output, error) = await Spade.RunAsync(["evaluate", Path.Combine(set, "a"), "--model", "oriented-energy-1", "--json",
                "--out", At("evaluated"), .. options]);
            Assert.True(exit == 0, error);
            var expected = JsonDocument.Parse(output).RootElement;
            foreach (var (mine, theirs) in new[] { ("image_auroc_gate", "image_auroc_gate"), ("pixel_auroc", "pixel_auroc"),
                ("pro_30", "pro_30") })
                Assert.Equal(expected.GetProperty(theirs).GetDouble(), results[setting].GetProperty(mine).GetDouble(), 1e-9);
        }
        // Settings that have an effect differ in their figures.
        Assert.Equal(3, new[] { "k1", "levels-1", "paper" }.Select(s => results[s].GetProperty("pixel_auroc").GetDouble()).Distinct()
            .Count());

        var tables = report.GetProperty("tables").EnumerateArray().ToList();
        Assert.Equal(8, tables.Count);
        Assert.Equal(["paper", "SPADE-pytorch, K 5", "oriented-energy-1", "oriented-energy-1, default settings"],
            tables[1].GetProperty("columns").EnumerateArray().Select(c => c.GetString()));
        Assert.Equal(results["paper"].GetProperty("pixel_auroc").GetDouble(),
            tables[1].GetProperty("rows")[0].GetProperty("figures")[2].GetProperty("value").GetDouble());
        Assert.Contains("set: pixel ROC AUC", File.ReadAllText(At("out", "report.html")), StringComparison.Ordinal);

        // The page is written from the copy of the report.
        (exit, _, error) = await Spade.RunAsync("reproduce", set, "--model", "oriented-energy-1", "--out", At("out"), "--results",
            At("results.md"));
        Assert.True(exit == 0, error);
        string page = File.ReadAllText(At("results.md"));
        Assert.Equal(Settings.Length, page.Split('\n').Count(line => line.StartsWith("| set/a | 4 | 3 |", StringComparison.Ordinal)));
        File.Delete(At("results.md"));
        (exit, _, error) = await Spade.RunAsync("reproduce", "--results", At("results.md"));
        Assert.True(exit == 0, error);
        Assert.Equal(page, File.ReadAllText(At("results.md")));
    }

    [Fact]
    [Trait("Category", "Long")]
    public async Task A_killed_run_that_is_continued_ends_with_the_same_report()
    {
        string[] arguments = ["reproduce", SmallSet("a"), "--model", "oriented-energy-1", "--out"];
        var (exit, _, error) = await Spade.RunAsync([.. arguments, At("whole")]);
        Assert.True(exit == 0, error);
        Assert.Contains("set/a, oriented-energy-1, default: 10 of 10 results", error, StringComparison.Ordinal);

        using (var process = Process.Start(new ProcessStartInfo("dotnet", [Spade.Dll, .. arguments, At("killed")])
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        })!)
        {
            string? line;
            do line = await process.StandardError.ReadLineAsync();
            while (line is not null && !line.Contains(": 4 of 10 results", StringComparison.Ordinal));
            Assert.NotNull(line);
            process.Kill();
            await process.WaitForExitAsync();
        }
        Assert.False(File.Exists(At("killed", "report.json")));
        Assert.InRange(Directory.GetFiles(At("killed", "results"), "*.json").Length, 4, 9);

        (exit, _, error) = await Spade.RunAsync([.. arguments, At("killed")]);
        Assert.True(exit == 0, error);
        Assert.DoesNotContain("set/a, oriented-energy-1, k10:", error, StringComparison.Ordinal);
        Assert.Contains("set/a, oriented-energy-1, default: 10 of 10 results", error, StringComparison.Ordinal);
        foreach (string file in new[] { "report.json", "report.html" })
            Assert.Equal(Date().Replace(File.ReadAllText(At("whole", file)), "DATE"),
                Date().Replace(File.ReadAllText(At("killed", file)), "DATE"));
    }

    [Fact]
    public void Results_of_other_files_or_another_model_are_not_used()
    {
        string set = SmallSet("a");
        string Digest()
        {
            var opened = PaperSet.Open(set, every: 1);
            return opened.DigestOf(opened.Categories[0]);
        }
        string before = Digest();
        Assert.Equal(before, Digest());
        File.AppendAllText(Directory.GetFiles(At("set", "a", "train", "good"))[0], "x");
        Assert.NotEqual(before, Digest());

        var results = new PaperResults(At("results"));
        var result = PaperTablesTests.Result("a", 4, 3);
        results.Write(result);
        PaperResult? Find(string model, string data) => results.Find("set", "a", "paper", "model", model, data);
        Assert.Equal(0.8, Find("digest", "data")!.PixelAuroc);
        Assert.Null(Find("other", "data"));
        Assert.Null(Find("digest", "other"));
        File.WriteAllText(Directory.GetFiles(At("results")).Single(), "{");
        Assert.Contains("delete it to measure again", Assert.Throws<SpadeException>(() => Find("digest", "data")).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Wrong_arguments_are_refused()
    {
        var (exit, _, error) = await Spade.RunAsync("reproduce");
        Assert.Equal(2, exit);
        Assert.Contains("name a data set", error, StringComparison.Ordinal);
        (exit, _, error) = await Spade.RunAsync("reproduce", "--results", At("page.txt"));
        Assert.Equal(2, exit);
        Assert.Contains("ends in .md", error, StringComparison.Ordinal);
        Directory.CreateDirectory(At("page"));
        File.WriteAllText(At("page", "a.json"), "[]");
        (exit, _, error) = await Spade.RunAsync("reproduce", "--results", At("page.md"));
        Assert.Equal(3, exit);
        Assert.Contains("is not a report.json", error, StringComparison.Ordinal);
    }

    /// <summary>Categories of four normals and three test images, which differ between categories.</summary>
    private string SmallSet(params string[] categories)
    {
        foreach (var (index, category) in categories.Index())
        {
            var small = DemoDataset.Plates with
            {
                Name = category,
                Normals = 4,
                TestGood = 1,
                TestPerDefect = 1,
                Kinds = ["scratch", "stain"]
            };
            (small with { Photograph = (seed, kind) => DemoDataset.Plates.Photograph(seed + index, kind) }).Write(At("set"), (_, _) => { });
        }
        return At("set");
    }

    [GeneratedRegex(@"\d{4}-\d\d-\d\d")]
    private static partial Regex Date();
}
