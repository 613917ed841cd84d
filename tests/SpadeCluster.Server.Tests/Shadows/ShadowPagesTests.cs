using System.Net.Http.Json;
using Microsoft.Playwright;
using SpadeCluster.Server.Shadows;

namespace SpadeCluster.Server.Tests.Shadows;

/// <summary>A version on trial in the console: begun in the history, compared on the category's page, ended there.</summary>
public sealed class ShadowPagesTests(PartsFixture server) : BrowserTests, IClassFixture<PartsFixture>
{
    protected override ServerFixture Server => server;

    [ChromiumFact]
    public async Task A_version_is_tried_compared_and_no_longer_tried()
    {
        await server.CreateAsync("tried", [.. Enumerable.Range(0, 6).Select(i => ($"good-{i}.png", Part.Good(i)))]);
        using var engineer = server.Client(server.Engineer);
        await ApiTests.Json(await engineer.PostAsJsonAsync("/v1/galleries/tried/calibrate", new { options = new { theta = 1e9 } }));
        var page = await SignInAsync(server.Engineer);
        await page.GotoAsync("/galleries/tried");
        Assert.Equal(0, await page.Locator("#shadow").CountAsync());
        // Version 1 has no thresholds, and version 3 decides.
        await Assertions.Expect(page.Locator("[data-shadow]")).ToHaveCountAsync(1);
        await page.Locator("[data-shadow='2']").ClickAsync();
        await Expect(page, "#shadow", "Version 2 scores every photograph too");
        using var client = server.Client(server.Operator);
        foreach (byte[] file in new[] { Part.Good(50), Part.Defective(51) })
            await ApiTests.Json(await client.PostAsync("/v1/score?category=tried", ServerFixture.Image(file)));
        await server.App.Service<ShadowScoring>().CatchUpAsync();
        await page.ReloadAsync();
        await Expect(page, "#shadow-images", "2");
        await Expect(page, "#shadow-differing", "1");
        await ShotsAsync(page, "shadow");
        await page.Locator("#shadow a.button").ClickAsync();
        await Assertions.Expect(page.Locator(".cards .card")).ToHaveCountAsync(1);
        await Expect(page, "#chosen b >> nth=1", "differs");
        await ShotsAsync(page, "shadow-differs");
        await page.Locator(".cards .card").ClickAsync();
        await Expect(page, "#shadow", "Shadow version 2 says");

        var viewer = await SignInAsync(server.Viewer);
        await viewer.GotoAsync("/galleries/tried");
        await Expect(viewer, "#shadow-differing", "1");
        Assert.Equal(0, await viewer.Locator("#shadow-end, [data-shadow]").CountAsync());
        await page.GotoAsync("/galleries/tried");
        await page.Locator("#shadow-end").ClickAsync();
        await page.Locator("#shadow").WaitForAsync(new() { State = WaitForSelectorState.Detached });
        Assert.Null(server.App.Service<ShadowLog>().Find("tried"));
    }

    [ChromiumFact]
    public async Task Changes_are_tried_before_they_decide_and_published()
    {
        await server.CreateAsync("fresh", [.. Enumerable.Range(0, 6).Select(i => ($"good-{i}.png", Part.Good(i)))]);
        var page = await SignInAsync(server.Engineer);
        page.Dialog += (_, dialog) => dialog.AcceptAsync("batch 42");
        await page.GotoAsync("/galleries/fresh");
        await page.Locator("#trial-begin").ClickAsync();
        await Expect(page, "#trial", "Version 3 decides nothing: version 2 decides");
        await page.Locator("#files").SetInputFilesAsync(Enumerable.Range(20, 2)
            .Select(i => new FilePayload { Name = $"more-{i}.png", MimeType = "image/png", Buffer = Part.Good(i) }));
        await Expect(page, "#trial", "Version 5 decides nothing: version 2 decides");
        await page.Locator("#trial [data-shadow]").ClickAsync();
        await Expect(page, "#shadow", "Version 5 scores every photograph too");
        await ShotsAsync(page, "trial");
        await page.GotoAsync("/galleries");
        await Expect(page, ".tile:has-text('fresh')", "on trial: scored with version 2");
        await page.GotoAsync("/galleries/fresh");
        await page.Locator("#trial button:has-text('Publish')").ClickAsync();
        await Expect(page, ".head p", "publish version 5: batch 42");
        Assert.Equal(0, await page.Locator("#trial").CountAsync());
    }
}
