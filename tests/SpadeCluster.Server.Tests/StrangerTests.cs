using System.Globalization;
using System.Net.Http.Json;
using Microsoft.Playwright;
using SpadeCluster.Server.Comparison;
using SpadeCluster.Server.Decisions;

namespace SpadeCluster.Server.Tests;

/// <summary>The way of a person who sees the program for the first time, from the first photographs to the report of a shift.</summary>
public sealed class StrangerTests(PartsFixture server) : BrowserTests, IClassFixture<PartsFixture>
{
    protected override ServerFixture Server => server;

    [ChromiumFact]
    public async Task From_the_first_photographs_to_the_report_of_a_shift()
    {
        // A category of good parts, one of which is none.
        await server.CreateAsync("valve", [.. Enumerable.Range(0, 12).Select(i => ($"good-{i}.png", Part.Good(i))),
            ("odd.png", Part.Noise(12))]);
        var page = await SignInAsync(server.Engineer);
        string? reason = "not a good part";
        page.Dialog += (_, dialog) => dialog.AcceptAsync(reason);
        await page.Locator("nav >> text=Categories").ClickAsync();
        await Expect(page, ".tile:has-text('valve')", "13 normals");
        await ShotsAsync(page, "stranger-1-categories");

        // A suspect is shown, looked at, and taken away.
        await page.Locator(".tile:has-text('valve')").ClickAsync();
        await Expect(page, "[data-suspect]", "odd.png");
        await ShotsAsync(page, "stranger-2-suspect");
        await page.Locator("[data-suspect] [data-retire]").ClickAsync();
        // Retiring is a version, and its thresholds are the next one: the page loads itself again for each.
        await Expect(page, ".head p", "version 4 ·");
        await Assertions.Expect(page.Locator("[data-suspect]:has-text('odd.png')")).ToHaveCountAsync(0);

        // More normals are added on the page.
        await page.Locator("#files").SetInputFilesAsync(Enumerable.Range(20, 4)
            .Select(i => new FilePayload { Name = $"more-{i}.png", MimeType = "image/png", Buffer = Part.Good(i) }));
        await Expect(page, ".head p", "version 6 · 16 normals");

        // The region of interest: a box around the part.
        var view = page.Locator("#region-view");
        await view.ScrollIntoViewIfNeededAsync();
        var at = (await view.BoundingBoxAsync())!;
        await page.Mouse.MoveAsync(at.X + at.Width * 0.06f, at.Y + at.Height * 0.06f);
        await page.Mouse.DownAsync();
        await page.Mouse.MoveAsync(at.X + at.Width * 0.94f, at.Y + at.Height * 0.94f, new() { Steps = 5 });
        await page.Mouse.UpAsync();
        await ShotsAsync(page, "stranger-3-region");
        reason = "only the part";
        await page.Locator("#region-save").ClickAsync();
        await Expect(page, ".head p", "version 8 ·");
        await Expect(page, "#region", "of each photograph. Nothing outside is searched");
        const string First = "8";

        // A folder is watched; its photographs appear with the serial numbers of their names.
        string folder = Path.Combine(server.Folder, "line7");
        Directory.CreateDirectory(folder);
        for (int i = 0; i < 6; i++) await File.WriteAllBytesAsync(Path.Combine(folder, $"V-10{i}_a.png"), Part.Good(40 + i));
        for (int i = 6; i < 9; i++) await File.WriteAllBytesAsync(Path.Combine(folder, $"V-10{i}_a.png"), Part.Defective(40 + i));
        using (var watch = ServerProcess.Start(server.Folder, "watch", folder, "--category", "valve", "--line", "L7", "--shift", "early",
            "--name-pattern", "{serial_number}_*", "--server", server.GrpcAddress, "--key", server.Operator))
        {
            try
            {
                await page.GotoAsync("/");
                await Assertions.Expect(page.Locator("[data-line=L7] .card")).ToHaveCountAsync(9, new() { Timeout = 60_000 });
                await ShotsAsync(page, "stranger-4-live");
            }
            finally
            {
                watch.Kill();
                await watch.WaitForExitAsync();
            }
        }

        // Some good parts may be rejected, too.
        string defects = server.App.Service<DecisionLog>().Find(new(Line: "L7", Verdict: "defect")).Count
            .ToString(CultureInfo.InvariantCulture);

        // A complaint: a part that passed is found by its serial number, and marked.
        await page.Locator("nav >> text=Decisions").ClickAsync();
        await page.Locator("[name=line]").SelectOptionAsync("L7");
        await page.Locator("[name=verdict]").SelectOptionAsync("good");
        await page.Locator("form.filter button").ClickAsync();
        string serial = await page.Locator(".card .serial").First.InnerTextAsync();
        await page.Locator("nav >> text=Decisions").ClickAsync();
        await page.Locator("[name=serial_number]").FillAsync(serial);
        await page.Locator("form.filter button").ClickAsync();
        await Assertions.Expect(page.Locator(".cards .card")).ToHaveCountAsync(1);
        await page.Locator(".cards .card").ClickAsync();
        await page.Locator("[data-feedback=defect]").ClickAsync();
        await Expect(page, "#feedback", "Missed defect by engineer");
        await ShotsAsync(page, "stranger-5-missed");

        // A second version, with a higher threshold, is compared with the first.
        using var client = server.Client(server.Engineer);
        await ApiTests.Json(await client.PostAsJsonAsync("/v1/galleries/valve/calibrate",
            new { options = new { theta = 1000, review_rate = 0 } }));
        await page.GotoAsync("/galleries/valve");
        await page.Locator("#compare [name=a]").SelectOptionAsync(First);
        await ShotsAsync(page, "stranger-6-category");
        await page.Locator("#compare button").ClickAsync();
        await page.WaitForURLAsync("**/galleries/valve/comparison", new() { WaitUntil = WaitUntilState.Commit });
        await server.App.Service<VersionComparison>().EndAsync("valve");
        await Expect(page, "h2:has-text('Other verdicts')", "(");
        await page.Locator("#progress").WaitForAsync(new() { State = WaitForSelectorState.Detached });
        await Expect(page, "main", "9 photographs of the last decisions were scored with both");
        await Assertions.Expect(page.Locator("[data-pair=defect-good]")).ToHaveTextAsync(defects);
        await Assertions.Expect(page.Locator(".pairs article img").First).ToBeVisibleAsync();
        await ShotsAsync(page, "stranger-7-comparison");

        // The first one is the better: it is published again.
        await page.GotoAsync("/galleries/valve");
        reason = "misses defects";
        await page.Locator($"[data-rollback='{First}']").ClickAsync();
        await Expect(page, ".head p", "misses defects");

        // The report of the shift.
        await page.Locator("nav >> text=Report").ClickAsync();
        await page.Locator("[name=line]").SelectOptionAsync("L7");
        await page.Locator("[name=shift]").FillAsync("early");
        await page.Locator("form.filter button").ClickAsync();
        await Expect(page, "[data-count=defect] b", defects);
        await Expect(page, "[data-count=missed] b", "1");
        await Expect(page, "[data-rate=now]", $"{defects} of 9 parts");
        await Expect(page, ".heat figcaption", $"the sum of {defects} of {defects} maps");
        await Assertions.Expect(page.Locator("#worst .card")).ToHaveCountAsync(9);
        await Assertions.Expect(page.Locator("#missed .card")).ToHaveCountAsync(1);
        foreach (string picture in new[] { ".heat img", "#worst .card img" })
            Assert.True(await page.Locator(picture).First.EvaluateAsync<bool>(
                "async i => { i.loading = 'eager'; await i.decode(); return i.naturalWidth > 0 }"), picture);
        await ShotsAsync(page, "stranger-8-report");
        var download = await page.RunAndWaitForDownloadAsync(() => page.Locator("#download").ClickAsync());
        string file = Path.Combine(server.Folder, "report.html");
        await download.SaveAsAsync(file);
        await page.GotoAsync("file://" + file);
        await Expect(page, "h1", "Shift report, line L7, shift early");
        await Expect(page, "[data-rate=now]", $"{defects} of 9 parts");
        await ShotsAsync(page, "stranger-9-file");
    }
}
