using Microsoft.Playwright;
using SpadeCluster.Server.Evaluations;

namespace SpadeCluster.Server.Tests.Evaluations;

/// <summary>An engineer evaluates a category with a folder, and compares two categories with a zip file, in a browser.</summary>
public sealed class EvaluationPagesTests(PartsFixture server) : BrowserTests, IClassFixture<PartsFixture>
{
    protected override ServerFixture Server => server;

    [ChromiumFact]
    public async Task A_folder_is_evaluated_and_the_report_kept_as_a_file()
    {
        string folder = Path.Combine(server.Folder, "parts");
        (string Path, byte[] File)[] files =
        [
            .. CategoryEvaluationTests.Files("test/good", [.. Enumerable.Range(700, 6).Select(Part.Good)]),
            .. CategoryEvaluationTests.Files("test/spot", [.. Enumerable.Range(800, 4).Select(Part.Defective)]),
            .. CategoryEvaluationTests.Files("test/faint", [.. Enumerable.Range(850, 3).Select(Part.Good)]),
            .. CategoryEvaluationTests.Files("ground_truth/spot", [.. Enumerable.Repeat(CategoryEvaluationTests.Mask(), 4)]),
        ];
        foreach (var (path, file) in files)
        {
            string full = Path.Combine(server.Folder, path);
            Directory.CreateDirectory(Path.GetDirectoryName(full)!);
            await File.WriteAllBytesAsync(full, file);
        }
        var page = await SignInAsync(server.Engineer);
        await page.GotoAsync("/galleries/parts");
        await page.Locator("text=Evaluate with a test set").ClickAsync();
        await Expect(page, "#empty", "Nothing was evaluated");
        await page.Locator("#evaluate button").ClickAsync();
        await Expect(page, "#message", "choose a folder");
        await page.Locator("#evaluate [webkitdirectory]").SetInputFilesAsync(folder);
        await page.Locator("#evaluate button").ClickAsync();
        await page.Locator("#download").WaitForAsync();
        var result = server.App.Service<CategoryEvaluation>().Find("parts")!;
        Assert.Equal((6, 7, 4), (result.Good, result.Defects, result.Figures!.Masks));
        await Assertions.Expect(page.Locator("[data-figure=misses] b")).ToHaveTextAsync($"{result.Misses}");
        await Assertions.Expect(page.Locator("[data-figure=rejects] b")).ToHaveTextAsync($"{result.FalseRejects}");
        await Assertions.Expect(page.Locator("[data-figure=pro_30] b")).ToHaveTextAsync($"{result.Figures.Pro30:0.000}");
        await Assertions.Expect(page.Locator("#kinds tbody tr")).ToHaveCountAsync(3);
        await Assertions.Expect(page.Locator("#misses article")).ToHaveCountAsync(result.Misses);
        await PicturesAsync(page);
        await ShotsAsync(page, "evaluation-1-page");
        var download = await page.RunAndWaitForDownloadAsync(() => page.Locator("#download").ClickAsync());
        string file2 = Path.Combine(server.Folder, "evaluation.html");
        await download.SaveAsAsync(file2);
        await page.GotoAsync("file://" + file2);
        await Expect(page, "h1", "Evaluation of parts");
        await PicturesAsync(page);
        await ShotsAsync(page, "evaluation-2-file");

        // The same part with another gallery.
        await server.CreateAsync("second", [.. Enumerable.Range(30, 12).Select(i => ($"good-{i}.png", Part.Good(i)))]);
        await page.GotoAsync("/galleries/parts");
        await page.Locator("#compare [name=other]").SelectOptionAsync("with=second");
        await page.Locator("#compare summary").ClickAsync();
        await ShotsAsync(page, "evaluation-3-compare");
        await page.Locator("#compare [accept='.zip']").SetInputFilesAsync(
            new FilePayload { Name = "parts.zip", MimeType = "application/zip", Buffer = TestSets.Zip.Of(files) });
        await page.Locator("#compare button").ClickAsync();
        await Expect(page, "h1", "parts version 2 and second version 2");
        await page.Locator("#progress").WaitForAsync(new() { State = WaitForSelectorState.Detached });
        await Expect(page, "main", "13 photographs of a test set were scored with both");
        await ShotsAsync(page, "evaluation-4-comparison");
    }

    private static async Task PicturesAsync(IPage page) => Assert.True(await page.Locator("#misses img").First.EvaluateAsync<bool>(
        "async i => { i.loading = 'eager'; await i.decode(); return i.naturalWidth > 0 }"));
}
