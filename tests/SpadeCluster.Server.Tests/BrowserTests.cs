using Microsoft.Playwright;

namespace SpadeCluster.Server.Tests;

/// <summary>Skips where there is no Chromium.</summary>
public sealed class ChromiumFactAttribute : FactAttribute
{
    public static string? Path { get; } =
        new[] { "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome" }.FirstOrDefault(File.Exists);

    public ChromiumFactAttribute()
    {
        if (Path is null) Skip = "needs Chromium (Debian: apt-get install chromium)";
    }
}

/// <summary>Tests of the console in a real browser.</summary>
public abstract class BrowserTests : IAsyncLifetime
{
    private IPlaywright? _playwright;
    private IBrowser? _browser;

    protected abstract ServerFixture Server { get; }

    public async Task InitializeAsync()
    {
        if (ChromiumFactAttribute.Path is not { } chromium) return;
        _playwright = await Playwright.CreateAsync();
        _browser = await _playwright.Chromium.LaunchAsync(new()
        {
            ExecutablePath = chromium,
            Args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-dev-shm-usage"]
        });
    }

    public async Task DisposeAsync()
    {
        if (_browser is not null) await _browser.DisposeAsync();
        _playwright?.Dispose();
    }

    protected async Task<IPage> NewPageAsync()
    {
        var context = await _browser!.NewContextAsync(new()
        {
            BaseURL = Server.Address,
            ViewportSize = new() { Width = 1280, Height = 900 }
        });
        var page = await context.NewPageAsync();
        page.SetDefaultTimeout(60_000);
        // No script error, and nothing that the content policy had to block.
        page.PageError += (_, error) => throw new InvalidOperationException(error);
        page.Console += (_, message) =>
        {
            if (message.Type == "error" && message.Text.Contains("Content Security Policy", StringComparison.Ordinal))
                throw new InvalidOperationException(message.Text);
        };
        return page;
    }

    protected async Task<IPage> SignInAsync(string key)
    {
        var page = await NewPageAsync();
        await page.GotoAsync("/");
        await page.Locator("[name=key]").FillAsync(key);
        await page.Locator("main button").ClickAsync();
        // Not WaitForURLAsync: it waits for ever if the page has been reached already.
        await Assertions.Expect(page).ToHaveURLAsync(Server.Address + "/", new() { Timeout = 60_000 });
        return page;
    }

    /// <summary>Of an SVG's image: whether the browser has its picture.</summary>
    protected const string Decodes =
        "async e => { const i = new Image(); i.src = e.href.baseVal; await i.decode(); return i.naturalWidth > 0 }";

    protected static Task Expect(IPage page, string selector, string text)
        => Assertions.Expect(page.Locator(selector).First).ToContainTextAsync(text, new() { Timeout = 60_000 });

    /// <summary>What is written smaller than 12 pixels; text within a picture shrinks with it, and has none to be.</summary>
    private const string SmallText = """
        [...document.querySelectorAll('body *')].filter(e => [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())
            && e.getClientRects().length && (e.closest('svg') || parseFloat(getComputedStyle(e).fontSize) < 12))
            .map(e => `${e.tagName}: ${e.textContent.trim()}`).join('; ')
        """;

    /// <summary>At both widths and in both schemes.</summary>
    protected static async Task ShotsAsync(IPage page, string name)
    {
        foreach (int width in new[] { 1280, 390 })
        {
            await page.SetViewportSizeAsync(width, 900);
            Assert.True(await page.EvaluateAsync<int>("document.documentElement.scrollWidth") <= width, $"{name} is wider than {width}");
            Assert.Equal("", await page.EvaluateAsync<string>(SmallText));
            foreach (var scheme in new[] { ColorScheme.Light, ColorScheme.Dark })
            {
                await page.EmulateMediaAsync(new() { ColorScheme = scheme });
                await ShotAsync(page, $"{name}-{width}-{scheme}".ToLowerInvariant());
            }
        }
        await page.EmulateMediaAsync(new() { ColorScheme = ColorScheme.Light });
        await page.SetViewportSizeAsync(1280, 900);
    }

    /// <summary>Saves a screenshot into the folder that SPADE_SCREENSHOTS names, if it is set.</summary>
    protected static async Task ShotAsync(IPage page, string name)
    {
        if (Environment.GetEnvironmentVariable("SPADE_SCREENSHOTS") is { Length: > 0 } folder)
            await page.ScreenshotAsync(new() { Path = Path.Combine(folder, name + ".png"), FullPage = true });
    }
}
