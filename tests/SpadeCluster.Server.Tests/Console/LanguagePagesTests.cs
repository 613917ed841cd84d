using System.Net.Http.Json;
using Microsoft.Playwright;
using SpadeCluster.Server.Comparison;
using SpadeCluster.Server.Evaluations;
using SpadeCluster.Server.Notices;
using SpadeCluster.Server.Shadows;

namespace SpadeCluster.Server.Tests;

/// <summary>The console in another language, in a real browser: chosen once, and then on every page, also what scripts write.</summary>
public sealed class LanguagePagesTests(PartsFixture server) : BrowserTests, IClassFixture<PartsFixture>
{
    protected override ServerFixture Server => server;

    [ChromiumFact]
    public async Task German_is_chosen_and_stays_on_every_page()
    {
        await FillAsync("Blech");
        var page = await NewPageAsync();
        await page.GotoAsync("/");
        await Expect(page, "h1", "Sign in");
        await ChooseAsync(page, "Deutsch");
        await Expect(page, "h1", "Anmelden");
        await ShotsAsync(page, "de-sign-in");
        await page.Locator("[name=key]").FillAsync(server.Engineer);
        await page.Locator("main button").ClickAsync();
        await Expect(page, "#connection", "verbunden");
        // A decision that a script shows, and a notice that appears while the page is open.
        using var client = server.Client(server.Operator);
        var decision = await ApiTests.Json(await client.PostAsync("/v1/score?category=Blech&line=Presse-1&serial_number=4711&shift=früh",
            ServerFixture.Image(Part.Defective(31))));
        await Expect(page, "[data-line='Presse-1'] .card.new", "Defekt");
        await server.App.Service<NoticeService>().LookAsync();
        await Expect(page, "[data-notice='Blech/suspects_waiting']", "2 Gutbilder liegen weit abseits der anderen");

        foreach (var (address, name, text) in Pages($"/results/{decision.GetProperty("id").GetInt64()}"))
        {
            await page.GotoAsync(address);
            Assert.Equal("de", await page.Locator("html").GetAttributeAsync("lang"));
            await Expect(page, "main", text);
            await ShotsAsync(page, $"de-{name}");
        }
        await page.GotoAsync("/galleries/Blech");
        await page.Locator("#theta").FillAsync("700");
        // The script writes numbers as the page does.
        Assert.Matches(@"^\d+,\d+$", await page.Locator("#try-theta").InnerTextAsync());
        string asked = "";
        page.Dialog += (_, dialog) =>
        {
            asked = dialog.Message;
            _ = dialog.DismissAsync();
        };
        await page.Locator("[data-retire]").First.ClickAsync();
        Assert.Equal("Warum wird dieses Gutbild aussortiert?", asked);

        await page.GotoAsync("/results?verdict=defect&line=Presse-1");
        await Expect(page, "#chosen b >> nth=1", "Defekt");
        await ChooseAsync(page, "English");
        await Expect(page, "h1", "Decisions");
        Assert.EndsWith("/results?verdict=defect&line=Presse-1", page.Url, StringComparison.Ordinal);
    }

    [ChromiumFact]
    public async Task Japanese_fits_on_the_pages_of_an_operator()
    {
        await FillAsync("board");
        var page = await SignInAsync(server.Operator);
        await ChooseAsync(page, "日本語");
        await Expect(page, "#connection", "接続中");
        foreach (var (address, name, _) in Pages($"/results/{server.Decision}").Take(5))
        {
            await page.GotoAsync(address);
            Assert.Equal("ja", await page.Locator("html").GetAttributeAsync("lang"));
            await ShotsAsync(page, $"ja-{name}");
        }
    }

    /// <summary>Each page, and a text that it must show in German.</summary>
    private static (string Address, string Name, string Text)[] Pages(string decision) =>
    [
        ("/", "live", "Foto"), (decision, "decision", "am ähnlichsten ist"), ("/results", "decisions", "Neueste zuerst"),
        ("/reports/shift", "report", "Wo Defekte auf dem Teil liegen"), ("/galleries", "categories", "Neue Kategorie"),
        ("/galleries/Blech", "category", "Probelauf"), ("/galleries/Blech/comparison", "comparison", "Andere Urteile"),
        ("/galleries/Blech/evaluation", "evaluation", "Gutteilen ausgesondert"),
        ("/system", "system", "Entscheidungen pro Sekunde"), ("/keys", "keys", "Schlüssel anlegen"),
        ("/audit", "audit", "wer was geändert hat"),
    ];

    private static async Task ChooseAsync(IPage page, string language)
        => await page.Locator("footer button", new() { HasText = language }).ClickAsync();

    /// <summary>A category with suspects, decisions, feedback, a version on trial and a comparison.</summary>
    private async Task FillAsync(string category)
    {
        await server.CreateAsync(category, [.. Enumerable.Range(0, 12).Select(i => ($"gut-{i}.png", Part.Good(i))),
            ("auffällig.png", Part.Defective(12)), ("Rauschen.png", Part.Noise(13))]);
        using var engineer = server.Client(server.Engineer);
        await ApiTests.Json(await engineer.PostAsJsonAsync($"/v1/galleries/{category}/calibrate", new { alpha = 0.2 }));
        await ApiTests.Json(await engineer.PostAsJsonAsync($"/v1/galleries/{category}/shadow", new { version = 2 }));
        long last = 0;
        for (int i = 0; i < 6; i++)
            last = (await ApiTests.Json(await engineer.PostAsync($"/v1/score?category={category}&line=Presse-1&shift=früh",
                ServerFixture.Image(i % 2 == 0 ? Part.Good(100 + i) : Part.Defective(100 + i))))).GetProperty("id").GetInt64();
        await ApiTests.Json(await engineer.PostAsJsonAsync($"/v1/results/{last}/feedback", new { kind = "defect" }));
        await server.App.Service<ShadowScoring>().CatchUpAsync();
        (await engineer.PostAsync($"/v1/galleries/{category}/comparison?a=2&b=3", null)).EnsureSuccessStatusCode();
        await server.App.Service<VersionComparison>().EndAsync(category).WaitAsync(TimeSpan.FromMinutes(2));
        var set = new MultipartFormDataContent { { ServerFixture.Image(Part.Good(300)), "good", "gut.png" },
            { ServerFixture.Image(Part.Defective(301)), "defect", "Kratzer.png" },
            { ServerFixture.Image(Part.Good(302)), "defect", "blass.png" } };
        (await engineer.PostAsync($"/v1/galleries/{category}/evaluation", set)).EnsureSuccessStatusCode();
        await server.App.Service<CategoryEvaluation>().EndAsync(category).WaitAsync(TimeSpan.FromMinutes(2));
    }
}
