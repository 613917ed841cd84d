using Microsoft.Playwright;

namespace SpadeCluster.Server.Tests.OpenId;

/// <summary>The same in a browser, which keeps cookies from requests that other sites began.</summary>
public sealed class OpenIdBrowserTests(OpenIdFixture server) : BrowserTests, IClassFixture<OpenIdFixture>
{
    protected override ServerFixture Server => server;

    [OpenIdFact(browser: true)]
    public async Task A_browser_that_comes_back_from_another_site_is_signed_in()
    {
        await server.Provider!.TellAsync("eve", "spade:engineer");
        var page = await NewPageAsync();
        await page.GotoAsync("/keys");
        await Expect(page, "main a.button", "Sign in at localhost");
        await ShotsAsync(page, "sign-in");
        await page.Locator("main a.button").ClickAsync();
        await page.Locator("[name=login]").FillAsync("eve");
        await page.Locator("[name=password]").FillAsync("any");
        await page.Locator("[type=submit]").ClickAsync();
        await page.WaitForURLAsync(server.Address + "/keys", new() { WaitUntil = WaitUntilState.Commit });
        await Expect(page, ".who", "Eve Example, engineer");
        await Expect(page, "table", "Eve Example");
    }
}
