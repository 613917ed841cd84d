using Microsoft.Playwright;

namespace SpadeCluster.Server.Tests;

/// <summary>Finding decisions in the console, and reporting a defect that passed.</summary>
public sealed class DecisionPagesTests(ServerFixture server) : BrowserTests, IClassFixture<ServerFixture>
{
    protected override ServerFixture Server => server;

    [ChromiumFact]
    public async Task A_missed_defect_is_found_by_serial_number_reported_counted_and_taken_back()
    {
        using var client = server.Client(server.Operator);
        foreach (var (image, serial, shift) in new[] { (Part.Good(1), "SN-100", "early"), (Part.Good(2), "SN-101", "early"),
            (Part.Defective(3), "SN-102", "late"), (Part.Good(4), "other", "late") })
            await ApiTests.Json(await client.PostAsync($"/v1/score?category=discs&line=pages&shift={shift}&serial_number={serial}",
                ServerFixture.Image(image)));
        var page = await SignInAsync(server.Operator);
        await page.Locator("nav >> text=Decisions").ClickAsync();
        await page.Locator("[name=line]").SelectOptionAsync("pages");
        await page.Locator("[name=serial_number]").FillAsync("sn-*");
        // A local time becomes an instant, and is shown as local time again.
        await page.Locator("[data-instant=since]").FillAsync("2026-01-02T03:04");
        await page.Locator("form.filter button").ClickAsync();
        await page.WaitForURLAsync(u => u.Contains("serial_number=sn-*", StringComparison.Ordinal)
            && u.Contains("since=2026-01-0", StringComparison.Ordinal) && !u.Contains("verdict", StringComparison.Ordinal));
        await Assertions.Expect(page.Locator(".cards .card")).ToHaveCountAsync(3);
        await Assertions.Expect(page.Locator("[data-instant=since]")).ToHaveValueAsync("2026-01-02T03:04");
        await Expect(page, "[data-count=good] b", "2");
        await Expect(page, "[data-count=defect] b", "1");
        await Expect(page, "[data-count=missed] b", "0");
        await Assertions.Expect(page.Locator("#shifts tbody tr")).ToHaveCountAsync(2);
        Assert.Equal(2, await page.Locator("svg.counts rect").CountAsync());
        await Assertions.Expect(page.Locator("[data-zone]")).Not.ToBeEmptyAsync();
        await ShotsAsync(page, "decisions");

        // The shared link shows the same to somebody else, who may not report.
        var viewer = await SignInAsync(server.Viewer);
        await viewer.GotoAsync(page.Url);
        await Assertions.Expect(viewer.Locator(".cards .card")).ToHaveCountAsync(3);
        await viewer.Locator(".card.good").First.ClickAsync();
        await viewer.Locator("#feedback").WaitForAsync(new() { State = WaitForSelectorState.Attached });
        Assert.Equal(0, await viewer.Locator("[data-feedback]").CountAsync());

        string found = page.Url;
        await page.Locator(".card.good").First.ClickAsync();
        await Assertions.Expect(page.Locator("[data-feedback=defect]")).ToHaveTextAsync("Missed defect");
        await ShotsAsync(page, "decision-good");
        await page.Locator("[data-feedback=defect]").ClickAsync();
        await Expect(page, "#feedback", "Missed defect by operator");
        await page.GotoAsync(found);
        await Expect(page, "[data-count=missed] b", "1");
        await Expect(page, ".card .said", "missed defect");
        await page.Locator("[name=feedback]").SelectOptionAsync("defect");
        await page.Locator("form.filter button").ClickAsync();
        await Assertions.Expect(page.Locator(".cards .card")).ToHaveCountAsync(1);
        await page.Locator(".cards .card").ClickAsync();
        await page.Locator("[data-undo]").ClickAsync();
        await Expect(page, "#feedback", "taken back by operator");
        await Assertions.Expect(page.Locator("[data-feedback=defect]")).ToHaveCountAsync(1);

        // Nothing matches now: the page says what to do, and a filter's sign removes it.
        await page.GotoAsync(found + "&feedback=defect");
        await Expect(page, "#empty", "Remove one of them above");
        await ShotsAsync(page, "decisions-none");
        await page.Locator("#chosen .chip", new() { HasText = "reported as" }).ClickAsync();
        await Assertions.Expect(page.Locator(".cards .card")).ToHaveCountAsync(3);
        await page.Locator("svg.counts a").First.ClickAsync();
        await Assertions.Expect(page.Locator("#chosen .chip", new() { HasText = "to " })).ToHaveCountAsync(1);
        await Assertions.Expect(page.Locator(".cards .card")).ToHaveCountAsync(3);
    }

    [ChromiumFact]
    public async Task Pages_lead_to_older_and_newer_decisions_and_wrong_filters_are_told()
    {
        await server.App.Service<Storage.ServerDatabase>().WriteAsync(c =>
        {
            for (int i = 0; i < 100; i++)
                Storage.Sql.Execute(c, "INSERT INTO decisions (time, line, caller, category, version, digest, preprocessing, verdict, "
                    + "score) VALUES ($time, 'long', 'ann', 'discs', 3, '', '', 'good', $score)",
                    ("$time", DateTimeOffset.UtcNow), ("$score", """
                        {"file":"a.png","image_id":"","category":"discs","version":3,"gate_distance":1,"localised":false,"regions":[],
                         "neighbours":[],"milliseconds":{}}
                        """));
        });
        var page = await SignInAsync(server.Viewer);
        await page.GotoAsync("/results?line=long");
        var cards = page.Locator(".cards .card");
        string newest = (await cards.First.GetAttributeAsync("href"))!;
        await Expect(page, "[data-count=good] b", "100");
        await page.Locator("text=Older").ClickAsync();
        await Assertions.Expect(page.Locator("text=Newer")).ToHaveCountAsync(1);
        Assert.Equal(48, await cards.CountAsync());
        await page.Locator("text=Older").ClickAsync();
        await Assertions.Expect(cards).ToHaveCountAsync(4);
        await page.Locator("text=Newer").ClickAsync();
        await Assertions.Expect(cards).ToHaveCountAsync(48);
        await page.Locator("text=Newer").ClickAsync();
        await Assertions.Expect(cards.First).ToHaveAttributeAsync("href", newest);
        foreach (string wrong in new[] { "since=yesterday", "verdict=bad", "feedback=odd", "serial_number=*1*2*3*4*" })
        {
            Assert.Equal(200, (await page.GotoAsync($"/results?{wrong}"))!.Status);
            await Assertions.Expect(page.Locator("[role=alert]")).ToHaveCountAsync(1);
        }
    }
}
