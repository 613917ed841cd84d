using System.Text.Json;
using SpadeCluster.Cli.Commands;

namespace SpadeCluster.Cli.Tests.Bench;

public class BenchPageTests : WorkFolder
{
    [Fact]
    public async Task The_page_of_figures_is_what_the_command_makes_of_the_results()
    {
        var repository = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(repository.FullName, "SpadeCluster.sln"))) repository = repository.Parent!;
        string docs = Path.Combine(repository.FullName, "docs");
        var (exit, _, error) = await Spade.RunAsync("bench", "page", Path.Combine(docs, "results", "performance"), "--out", At("page.md"));
        Assert.True(exit == 0, error);
        Assert.Equal(File.ReadAllText(Path.Combine(docs, "performance-figures.md")), File.ReadAllText(At("page.md")));
    }

    [Fact]
    public async Task A_saved_result_becomes_a_row_with_its_command_line()
    {
        Directory.CreateDirectory(At("results"));
        var (exit, output, error) = await Spade.InAsync(Root, "bench", "image-search", "--rows", "300", "--length", "16", "--runs", "2",
            "--json", "--save", At("results", "images.json"));
        Assert.True(exit == 0, error);
        using var saved = JsonDocument.Parse(File.ReadAllText(At("results", "images.json")));
        using var printed = JsonDocument.Parse(output);
        Assert.Equal(printed.RootElement.GetProperty("median_ms").GetDouble(),
            saved.RootElement.GetProperty("image_search").GetProperty("median_ms").GetDouble());

        (exit, _, error) = await Spade.InAsync(Root, "bench", "page", "results", "--out", "page.md");
        Assert.True(exit == 0, error);
        string page = File.ReadAllText(At("page.md"));
        Assert.Contains("\n## Image search\n", page, StringComparison.Ordinal);
        Assert.DoesNotContain("## Extraction", page, StringComparison.Ordinal);
        string row = Assert.Single(page.Split('\n'), l => l.StartsWith("| 300 | 16 | 1 |", StringComparison.Ordinal));
        Assert.EndsWith("| `spade bench image-search --rows 300 --length 16 --runs 2` |", row, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_that_is_no_result_is_named()
    {
        Directory.CreateDirectory(At("results"));
        File.WriteAllText(At("results", "other.json"), "[]");
        var (exit, _, error) = await Spade.InAsync(Root, "bench", "page", "results", "--out", "page.md");
        Assert.Equal(ExitCodes.BadData, exit);
        Assert.Contains("other.json", Assert.Single(error.Trim().Split('\n')), StringComparison.Ordinal);
    }
}
