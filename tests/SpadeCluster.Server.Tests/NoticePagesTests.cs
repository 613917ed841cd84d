using System.Net.Http.Json;
using Microsoft.Playwright;
using SpadeCluster.Server.Decisions;

namespace SpadeCluster.Server.Tests;

/// <summary>Events of a production line on a running server, and the notices on its pages.</summary>
public sealed class NoticePagesTests(PartsFixture server) : BrowserTests, IClassFixture<PartsFixture>
{
    protected override ServerFixture Server => server;

    [ChromiumFact]
    public async Task A_suspect_is_shown_with_its_picture_and_accepted()
    {
        await server.CreateAsync("suspects", [.. Enumerable.Range(0, 12).Select(i => ($"good-{i}.png", Part.Good(i))),
            ("odd.png", Part.Defective(12)), ("noise.png", Part.Noise(13))]);
        var page = await SignInAsync(server.Engineer);
        await Expect(page, "[data-notice='suspects/suspects_waiting']", "2 normals lie far outside the others");
        await page.GotoAsync("/galleries/suspects");
        await Expect(page, "[data-notice='suspects/suspects_waiting']", "An engineer accepts or retires each");
        Assert.Equal(2, await page.Locator("[data-suspect]").CountAsync());
        await Expect(page, "[data-suspect] >> nth=0", "times the next");
        Assert.True(await page.Locator("[data-suspect] img").First.EvaluateAsync<bool>(
            "async i => { i.loading = 'eager'; await i.decode(); return i.naturalWidth > 0 }"));
        await ShotsAsync(page, "suspects");
        page.Dialog += (_, dialog) => dialog.AcceptAsync("looked at");
        await page.Locator("[data-suspect]", new() { HasText = "odd.png" }).Locator("[data-accept]").ClickAsync();
        await Expect(page, "[data-notice='suspects/suspects_waiting']", "1 normal lies far outside");
        await page.Locator("[data-suspect] [data-retire]").ClickAsync();
        await page.Locator("[data-notice='suspects/suspects_waiting']").WaitForAsync(new() { State = WaitForSelectorState.Detached });
    }

    [ChromiumFact]
    public async Task Scores_that_drift_are_told_on_the_live_page_while_it_is_open()
    {
        await server.CreateAsync("drifts", [.. Enumerable.Range(0, 16).Select(i => ($"good-{i}.png", Part.Good(i)))]);
        var page = await SignInAsync(server.Viewer);
        await Expect(page, "#connection", "connected");
        using var client = server.Client(server.Operator);
        // As if the lens were out of focus: the part's details are lost.
        for (int i = 0; i < 50; i++)
            await ApiTests.Json(await client.PostAsync("/v1/score?category=drifts&line=A", ServerFixture.Image(Part.Copy(i % 16, i))));
        await Expect(page, "[data-notice='drifts/score_drift']", "The last 50 parts that passed score lower than the normals did");
        await ShotsAsync(page, "live-drift");
        await page.GotoAsync("/galleries/drifts");
        await Expect(page, "[data-notice='drifts/score_drift']", "Check lighting and focus");
    }

    [ChromiumFact]
    public async Task Misses_that_people_report_are_told_and_the_three_verdicts_are_told_apart()
    {
        using var client = server.Client(server.Operator);
        var ids = new Dictionary<string, List<string>> { ["good"] = [], ["review"] = [], ["defect"] = [] };
        // One part in ten is reviewed; the spots range from invisible to bright, so some fall into that range.
        for (int seed = 0; ids.Values.Any(v => v.Count < 2) && seed < 330; seed++)
        {
            byte[] image = (seed % 3) switch
            {
                0 => Part.Defective(seed),
                1 => Part.Odd(seed, 140 + seed / 3),
                _ => Part.Good(1000 + seed),
            };
            var decision = await ApiTests.Json(await client.PostAsync("/v1/score?category=parts&line=B", ServerFixture.Image(image)));
            ids[decision.GetProperty("score").GetProperty("verdict").GetString()!].Add(decision.GetProperty("id").GetRawText());
        }
        Assert.All(ids.Values, Assert.NotEmpty);
        var page = await SignInAsync(server.Operator);
        foreach (string id in ids["good"].Take(2))
        {
            await page.GotoAsync($"/results/{id}");
            await page.Locator("[data-feedback=defect]").ClickAsync();
            await Expect(page, "#feedback", "Missed defect by operator");
        }
        await page.GotoAsync("/");
        await Expect(page, "[data-notice='parts/missed_defects']", "2 defects that passed as good were reported in the last 7 days");
        foreach (string verdict in ids.Keys) await page.Locator($"[data-line=B] .card.{verdict}").First.WaitForAsync();
        await ShotsAsync(page, "live-verdicts");
        foreach (var (verdict, some) in ids)
        {
            await page.GotoAsync($"/results/{some[^1]}");
            await Expect(page, $".verdict.{verdict}", verdict);
            await ShotsAsync(page, $"decision-{verdict}");
            await page.GotoAsync($"/results?verdict={verdict}");
            Assert.Equal(0, await page.Locator($".card:not(.{verdict})").CountAsync());
        }
    }

    [ChromiumFact]
    public async Task A_good_part_that_waits_is_approved_by_an_engineer()
    {
        using var client = server.Client(server.Operator);
        var feedbacks = server.App.Service<FeedbackService>();
        await server.CreateAsync("waits", [.. Enumerable.Range(0, 12).Select(i => ($"good-{i}.png", Part.Good(i)))]);
        foreach (int seed in new[] { 1, 2 })
        {
            long id = (await ApiTests.Json(await client.PostAsync("/v1/score?category=waits", ServerFixture.Image(Part.Defective(seed)))))
                .GetProperty("id").GetInt64();
            (await client.PostAsJsonAsync($"/v1/results/{id}/feedback", new { kind = "good" })).EnsureSuccessStatusCode();
        }
        await feedbacks.Checks;
        var page = await SignInAsync(server.Engineer);
        await page.GotoAsync("/galleries/waits");
        await Expect(page, "[data-notice='waits/feedback_waiting']", "2 parts that operators reported as good wait for approval");
        await ShotsAsync(page, "waiting");
        page.Dialog += (_, dialog) => dialog.AcceptAsync("a scratch");
        await page.Locator("[data-waiting] [data-refuse]").First.ClickAsync();
        await Expect(page, "[data-notice='waits/feedback_waiting']", "1 part that operators reported as good waits");
        await page.Locator("[data-waiting] [data-approve]").ClickAsync();
        await page.Locator("[data-waiting]").WaitForAsync(new() { State = WaitForSelectorState.Detached });
        await page.Locator("#normals figure >> nth=12").WaitForAsync();
    }
}
