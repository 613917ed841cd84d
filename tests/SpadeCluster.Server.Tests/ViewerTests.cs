using System.Globalization;
using Microsoft.Playwright;
using SpadeCluster.Imaging;
using SpadeCluster.Server.Decisions;

namespace SpadeCluster.Server.Tests;

/// <summary>A large part, searched in tiles: the photograph with its map, the normal beside it, and the region to inspect.</summary>
public sealed class ViewerTests(LargePartsFixture server) : BrowserTests, IClassFixture<LargePartsFixture>
{
    private static readonly double[] All = [0, 0, 800, 400];

    protected override ServerFixture Server => server;

    [ChromiumFact]
    public async Task A_person_zooms_into_a_photograph_moves_it_and_looks_at_a_place()
    {
        long id = await server.ScoreAsync(Part.Large(40, (660, 130)));
        var page = await SignInAsync(server.Viewer);
        await page.GotoAsync($"/results/{id.ToString(CultureInfo.InvariantCulture)}");
        await page.Locator("#pair").WaitForAsync();
        var view = page.Locator("#view");
        // In pixels of the photograph, all of which is in sight.
        Assert.Equal(All, await BoxAsync(view));
        Assert.True(await page.Locator("#input").EvaluateAsync<bool>(Decodes));
        // What a screen reader says is whole.
        Assert.Equal("opacity of the anomaly map", await page.Locator("#opacity").GetAttributeAsync("aria-label"));
        Assert.EndsWith("0 shows all of it.", await page.Locator("#normal").GetAttributeAsync("aria-label"), StringComparison.Ordinal);
        await ShotsAsync(page, "viewer");

        await page.Locator(".frame:has(#view) [data-zoom=in]").ClickAsync();
        double[] zoomed = await BoxAsync(view);
        Assert.Equal(800 / 1.5, zoomed[2], 0.5);
        Assert.Equal(400 / 1.5, zoomed[3], 0.5);
        // With the keyboard: nearer, to the left, all of it.
        await view.PressAsync("+");
        await view.PressAsync("Shift+ArrowLeft");
        double[] moved = await BoxAsync(view);
        Assert.Equal(800 / 2.25, moved[2], 0.5);
        Assert.True(moved[0] < (800 - 800 / 2.25) / 2);
        await view.PressAsync("0");
        Assert.Equal(All, await BoxAsync(view));
        // With the wheel, about the pointer: the point below it stays there.
        var at = (await view.BoundingBoxAsync())!;
        await page.Mouse.MoveAsync(at.X + at.Width * 0.75f, at.Y + at.Height * 0.5f);
        await page.Mouse.WheelAsync(0, -400);
        await page.WaitForFunctionAsync("!document.querySelector('#view').getAttribute('viewBox').startsWith('0 0 800')");
        double[] wheeled = await BoxAsync(view);
        Assert.Equal(600, wheeled[0] + 0.75 * wheeled[2], 1.0);
        // Dragging moves the picture, and is no click.
        string before = await page.Locator("#match-text").InnerTextAsync();
        await page.Mouse.DownAsync();
        await page.Mouse.MoveAsync(at.X + at.Width * 0.75f - 80, at.Y + at.Height * 0.5f, new() { Steps = 4 });
        await page.Mouse.UpAsync();
        double[] dragged = await BoxAsync(view);
        Assert.Equal(80 / at.Width * wheeled[2], dragged[0] - wheeled[0], 1.0);
        Assert.Equal(before, await page.Locator("#match-text").InnerTextAsync());
        await ShotAsync(page, "viewer-zoomed");
        // A click looks at the pixel below it, wherever the picture is.
        await page.Mouse.ClickAsync(at.X + at.Width / 2, at.Y + at.Height / 2);
        var (x, y) = (dragged[0] + dragged[2] / 2, dragged[1] + dragged[3] / 2);
        await Expect(page, "#match-text", string.Create(CultureInfo.InvariantCulture,
            $"Pixel {x * server.Grid.Width / 800:0}, {y * server.Grid.Height / 400:0}: nearest in large-"));
    }

    [ChromiumFact]
    public async Task Two_fingers_zoom_and_one_moves()
    {
        var page = await SignInAsync(server.Viewer);
        await page.GotoAsync($"/results/{(await server.ScoreAsync(Part.Large(41, (130, 130)))).ToString(CultureInfo.InvariantCulture)}");
        await page.Locator("#pair").WaitForAsync();
        await page.SetViewportSizeAsync(390, 800);
        var view = page.Locator("#view");
        await view.EvaluateAsync("v => v.scrollIntoView({ block: 'center' })");
        var at = (await view.BoundingBoxAsync())!;
        var touch = await page.Context.NewCDPSessionAsync(page);
        await touch.SendAsync("Emulation.setTouchEmulationEnabled", new() { ["enabled"] = true, ["maxTouchPoints"] = 2 });
        await TouchAsync("touchStart", (0.4f, 0.5f), (0.6f, 0.5f));
        await TouchAsync("touchMove", (0.3f, 0.5f), (0.7f, 0.5f));
        await TouchAsync("touchMove", (0.2f, 0.5f), (0.8f, 0.5f));
        await TouchAsync("touchEnd");
        double[] pinched = await BoxAsync(view);
        Assert.Equal(800 / 3.0, pinched[2], 3.0);
        await TouchAsync("touchStart", (0.5f, 0.5f));
        await TouchAsync("touchMove", (0.6f, 0.5f));
        await TouchAsync("touchMove", (0.7f, 0.5f));
        await TouchAsync("touchEnd");
        double[] moved = await BoxAsync(view);
        Assert.Equal(pinched[2], moved[2]);
        Assert.Equal(pinched[0] - 0.2 * pinched[2], moved[0], 3.0);

        Task TouchAsync(string type, params (float X, float Y)[] points) => touch.SendAsync("Input.dispatchTouchEvent", new()
        {
            ["type"] = type,
            ["touchPoints"] = points.Select((p, i) => new Dictionary<string, object>
            {
                ["x"] = at.X + at.Width * p.X,
                ["y"] = at.Y + at.Height * p.Y,
                ["id"] = i,
            }).ToArray(),
        });
    }

    [ChromiumFact]
    public async Task Tiles_are_shown_on_demand_and_the_matched_place_as_the_network_saw_it()
    {
        var page = await SignInAsync(server.Viewer);
        await page.GotoAsync($"/results/{(await server.ScoreAsync(Part.Large(42, (660, 130)))).ToString(CultureInfo.InvariantCulture)}");
        await page.Locator("#pair").WaitForAsync();
        var tiles = page.Locator("#tiles rect");
        Assert.Equal(server.Grid.Columns * server.Grid.Rows, await tiles.CountAsync());
        await Assertions.Expect(page.Locator("#tiles")).ToBeHiddenAsync();
        await page.Locator("#show-tiles").CheckAsync();
        await Assertions.Expect(page.Locator("#tiles")).ToBeVisibleAsync();
        await ShotAsync(page, "viewer-tiles");
        // A picture of the whole, and one of each tile, pixel by pixel.
        Assert.Equal(1 + server.Grid.Columns * server.Grid.Rows, await page.Locator("#normal-picture image").CountAsync());
        Assert.Equal(224, await page.Locator("#normal-picture image").Nth(1).EvaluateAsync<int>(
            "async e => { const i = new Image(); i.src = e.href.baseVal; await i.decode(); return i.naturalWidth }"));
        // The defect is looked at first; what it matched is marked on the normal, whose picture can be zoomed too.
        double[] mark = await page.Locator("#mark").EvaluateAsync<double[]>("r => [r.x.baseVal.value, r.y.baseVal.value]");
        Assert.InRange((mark[0] + 14) * 800 / server.Grid.Width, 620, 700);
        Assert.InRange((mark[1] + 14) * 400 / server.Grid.Height, 90, 170);
        await page.Locator("#normal-frame [data-zoom=in]").ClickAsync();
        Assert.Equal(server.Grid.Width / 1.5, (await BoxAsync(page.Locator("#normal")))[2], 0.5);
    }

    [ChromiumFact]
    public async Task An_engineer_draws_the_region_and_nothing_outside_is_found()
    {
        byte[] both = Part.Large(43, (660, 130), (130, 130));
        Assert.Equal((true, true), await FoundAsync());
        var page = await SignInAsync(server.Engineer);
        await page.GotoAsync("/galleries/large");
        await Expect(page, "#region", "Whole photographs are inspected");
        Assert.True(await page.Locator("#region-save").IsDisabledAsync());
        var view = page.Locator("#region-view");
        await view.ScrollIntoViewIfNeededAsync();
        // A box over the right half; then one that is undone.
        await DragAsync((0.5f, 0.01f), (0.995f, 0.99f));
        await DragAsync((0.1f, 0.1f), (0.2f, 0.2f));
        Assert.Equal(2, await page.Locator("#shapes polygon").CountAsync());
        await page.Locator("#region-undo").ClickAsync();
        Assert.Equal(1, await page.Locator("#shapes polygon").CountAsync());
        // A polygon, and a stroke of the eraser over its corner.
        await page.Locator("[data-tool=polygon]").ClickAsync();
        foreach (var (x, y) in new[] { (0.45f, 0.1f), (0.55f, 0.1f), (0.5f, 0.4f) }) await ClickAsync(x, y);
        await view.PressAsync("Enter");
        Assert.Equal(3, await page.Locator("#shapes polygon").Last.EvaluateAsync<int>("p => p.points.numberOfItems"));
        await page.Locator("[data-tool=eraser]").ClickAsync();
        await DragAsync((0.42f, 0.05f), (0.48f, 0.45f));
        Assert.Equal(1, await page.Locator("#shapes polyline").CountAsync());
        await ShotsAsync(page, "region-drawing");
        string? why = "the left is the belt's";
        page.Dialog += (_, dialog) => dialog.AcceptAsync(why);
        await page.Locator("#region-save").ClickAsync();
        await Expect(page, ".head p", "inspect the region drawn.png: the left is the belt's");
        await server.CalibratedAsync("large");
        await page.ReloadAsync();
        await Expect(page, "#region", "of each photograph. Nothing outside is searched");
        await ShotsAsync(page, "region");
        Assert.Equal((true, false), await FoundAsync());

        await page.Locator("#region-none").ClickAsync();
        await Expect(page, "#region", "Whole photographs are inspected");
        await server.CalibratedAsync("large");
        Assert.Equal((true, true), await FoundAsync());
        await page.GotoAsync("/audit");
        await Expect(page, "main", "drawn.png: the left is the belt's");
        // Who may not change it sees it, and no tool.
        page = await SignInAsync(server.Operator);
        await page.GotoAsync("/galleries/large");
        await Expect(page, "#region", "Whole photographs are inspected");
        Assert.Equal(0, await page.Locator("[data-tool], #region-save, #region-box").CountAsync());

        async Task DragAsync((float X, float Y) from, (float X, float Y) to)
        {
            var at = (await view.BoundingBoxAsync())!;
            await page.Mouse.MoveAsync(at.X + at.Width * from.X, at.Y + at.Height * from.Y);
            await page.Mouse.DownAsync();
            await page.Mouse.MoveAsync(at.X + at.Width * to.X, at.Y + at.Height * to.Y, new() { Steps = 5 });
            await page.Mouse.UpAsync();
        }

        async Task ClickAsync(float x, float y)
        {
            var at = (await view.BoundingBoxAsync())!;
            await page.Mouse.ClickAsync(at.X + at.Width * x, at.Y + at.Height * y);
        }

        async Task<(bool Right, bool Left)> FoundAsync()
        {
            var (log, id) = (server.App.Service<DecisionLog>(), await server.ScoreAsync(both));
            var map = log.Map(id);
            bool At(int x) => map.Values[130 * map.Height / 400 * map.Width + x * map.Width / 800] > log.Get(id).Score.Theta;
            return (At(660), At(130));
        }
    }

    private static async Task<double[]> BoxAsync(ILocator svg)
        => [.. (await svg.GetAttributeAsync("viewBox"))!.Split(' ').Select(n => double.Parse(n, CultureInfo.InvariantCulture))];
}
