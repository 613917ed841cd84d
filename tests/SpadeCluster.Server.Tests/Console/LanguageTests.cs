using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using Grpc.Core;
using Grpc.Net.Client;
using Spade.V1;

namespace SpadeCluster.Server.Tests;

/// <summary>In which language a running server answers: pages in the reader's, programs always in the same.</summary>
public sealed partial class LanguageTests(PartsFixture server) : IClassFixture<PartsFixture>
{
    [Theory]
    [InlineData("de-AT,de;q=0.9,en;q=0.5", "de", "Entscheidungen"), InlineData("ja", "ja", "判定一覧")]
    [InlineData("fr,de;q=0.5", "de", "Entscheidungen"), InlineData("fr", "en", "Decisions"), InlineData(null, "en", "Decisions")]
    [InlineData("en-GB,en;q=0.9,de;q=0.5", "en", "Decisions"), InlineData("en-GB,de", "en", "Decisions")]
    [InlineData("de;q=0,ja;q=0,DE-at;q=0.1", "de", "Entscheidungen"), InlineData("*;;q=x,,", "en", "Decisions")]
    public async Task A_page_is_in_the_language_that_the_browser_asks_for(string? accept, string lang, string word)
    {
        string page = await TextAsync("/results", accept);
        Assert.Contains($"<html lang=\"{lang}\">", page, StringComparison.Ordinal);
        Assert.Contains($"<h1>{word}</h1>", WebUtility.HtmlDecode(page), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Numbers_on_a_german_page_have_a_comma_and_numbers_for_scripts_and_drawings_a_point()
    {
        foreach (string address in new[] { $"/results/{server.Decision}", "/galleries/parts", "/reports/shift", "/results", "/system" })
        {
            string german = await TextAsync(address, "de"), english = await TextAsync(address, "en");
            Assert.Equal(ForMachines(english), ForMachines(german));
        }
        string decision = await TextAsync($"/results/{server.Decision}", "de");
        Assert.Contains("Schwelle: 0,5", decision, StringComparison.Ordinal);
        Assert.Matches(@"<dd>\d,\d{3} ", decision);

        static string[] ForMachines(string page)
            => [.. Machine().Matches(page).Select(m => m.Value.Replace("language=de", "language=en", StringComparison.Ordinal))];
    }

    [Theory]
    [InlineData("/v1/results?limit=5"), InlineData("/v1/results/counts?until=2100-01-01T00:00Z"), InlineData("/v1/results/{id}")]
    [InlineData("/v1/results/{id}/evidence?x=150.5&y=117.5"), InlineData("/v1/results/{id}/map.png")]
    [InlineData("/v1/results/{id}/overlay.jpg"), InlineData("/v1/galleries"), InlineData("/v1/galleries/parts")]
    [InlineData("/v1/galleries/parts/history"), InlineData("/v1/galleries/parts/images"), InlineData("/v1/notices")]
    [InlineData("/v1/reports/shift?until=2100-01-01T00:00Z"), InlineData("/v1/keys"), InlineData("/v1/audit"), InlineData("/v1/models")]
    [InlineData("/v1/openapi.json"), InlineData("/v2/models/parts"), InlineData("/v1/results/nothing"), InlineData("/v1/results?limit=0")]
    [InlineData("/v1/reports/shift?until=2100-01-01T00:00Z&format=html")]
    public async Task Programs_get_the_same_bytes_whatever_language_they_ask_for(string address)
    {
        address = address.Replace("{id}", $"{server.Decision}", StringComparison.Ordinal);
        Assert.Equal(await BytesAsync(address, "en"), await BytesAsync(address, "de"));
    }

    [Fact]
    public async Task A_score_and_its_sentences_are_the_same_for_german_programs()
    {
        using var client = Client("de");
        var score = (await ApiTests.Json(await client.PostAsync("/v1/score?category=parts", ServerFixture.Image(Part.Defective(9)))))
            .GetProperty("score");
        Assert.Equal("defect", score.GetProperty("verdict").GetString());
        Assert.True(score.GetProperty("pred_score").GetDouble() is > 0.5 and <= 1);
        string problem = await (await client.PostAsync("/v1/score?category=nope", ServerFixture.Image(Part.Good(1))))
            .Content.ReadAsStringAsync();
        Assert.Contains("category 'nope'", problem, StringComparison.Ordinal);

        using var channel = GrpcChannel.ForAddress(server.GrpcAddress);
        Assert.Equal(await ReportAsync("en"), await ReportAsync("de"));

        async Task<ShiftReport> ReportAsync(string language)
        {
            var headers = new Metadata { { "authorization", $"Bearer {server.Engineer}" }, { "accept-language", language } };
            return await new Spade.V1.Reports.ReportsClient(channel).GetShiftReportAsync(new GetShiftReportRequest(), headers);
        }
    }

    [Fact]
    public async Task The_report_file_is_in_the_language_of_the_page()
    {
        string page = WebUtility.HtmlDecode(await TextAsync("/reports/shift", "de"));
        string file = Regex.Match(page, "id=\"download\" href=\"([^\"]+)\"").Groups[1].Value;
        Assert.Contains("language=de", file, StringComparison.Ordinal);
        string report = WebUtility.HtmlDecode(await TextAsync(file, "en"));
        Assert.Contains("<html lang=\"de\">", report, StringComparison.Ordinal);
        Assert.Contains("Schichtbericht, ", report, StringComparison.Ordinal);
        Assert.Matches(@"\d,\d %", report);
        using var client = Client("de");
        Assert.Equal(HttpStatusCode.BadRequest, (await client.GetAsync("/v1/reports/shift?format=html&language=tlh")).StatusCode);
    }

    [Fact]
    public async Task A_choice_needs_the_forms_token_and_leads_to_this_server_only()
    {
        using var client = Client("en");
        using var bare = new FormUrlEncodedContent([new("language", "de"), new("to", "/")]);
        Assert.Equal(HttpStatusCode.BadRequest, (await client.PostAsync("/language", bare)).StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, (await ChooseAsync("tlh", "/")).StatusCode);
        var chosen = await ChooseAsync("de", "//evil.example/");
        Assert.Equal((HttpStatusCode.Redirect, "/"), (chosen.StatusCode, chosen.Headers.Location!.ToString()));
    }

    private async Task<HttpResponseMessage> ChooseAsync(string language, string to)
    {
        using var browser = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, CookieContainer = new CookieContainer() })
        {
            BaseAddress = new Uri(server.Address),
        };
        string page = await browser.GetStringAsync("/sign-in");
        string token = Regex.Match(page, "name=\"__RequestVerificationToken\"[^>]* value=\"([^\"]+)\"").Groups[1].Value;
        using var form = new FormUrlEncodedContent([new("language", language), new("to", to), new("__RequestVerificationToken", token)]);
        return await browser.PostAsync("/language", form);
    }

    private async Task<string> TextAsync(string address, string? accept)
    {
        using var client = Client(accept);
        return await (await client.GetAsync(address)).Content.ReadAsStringAsync();
    }

    /// <summary>An answer byte by byte, pictures too, without what differs between any two requests.</summary>
    private async Task<string> BytesAsync(string address, string accept)
    {
        using var client = Client(accept);
        return Unique().Replace(Encoding.Latin1.GetString(await (await client.GetAsync(address)).Content.ReadAsByteArrayAsync()), "");
    }

    private HttpClient Client(string? accept)
    {
        var client = server.Client(server.Engineer);
        if (accept is not null) client.DefaultRequestHeaders.TryAddWithoutValidation("Accept-Language", accept);
        return client;
    }

    /// <summary>Attributes that scripts and drawings read.</summary>
    [GeneratedRegex(""" (?:x|y|d|width|height|viewBox|transform|min|max|href|datetime|data-(?!texts)[\w-]+)=["'][^"']*["']""")]
    private static partial Regex Machine();

    /// <summary>What differs between two requests.</summary>
    [GeneratedRegex("\"request_id\":\"[^\"]*\"|\"used\":\"[^\"]*\"")]
    private static partial Regex Unique();
}
