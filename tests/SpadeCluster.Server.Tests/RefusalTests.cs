using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using SpadeCluster.Server.Storage;

namespace SpadeCluster.Server.Tests;

/// <summary>Answers to bad requests: the status, and one sentence on what to change.</summary>
public sealed class RefusalTests(ServerFixture server) : IClassFixture<ServerFixture>
{
    [Theory]
    [InlineData("POST", "/v1/score", null, 400, "the parameter 'category' is needed")]
    [InlineData("GET", "/v1/results?since=yesterday", null, 400, "the parameter 'since' cannot be 'yesterday'")]
    [InlineData("GET", "/v1/results?limit=many", null, 400, "the parameter 'limit' cannot be 'many'")]
    [InlineData("GET", "/v1/nothing", null, 404, "nothing at this address")]
    [InlineData("GET", "/v1/score", null, 405, "supports POST, not GET")]
    [InlineData("POST", "/v1/galleries/discs/retire", null, 400, "a JSON body is needed")]
    [InlineData("POST", "/v1/galleries/discs/retire", """{"reason":"x"}""", 400, "the body lacks 'images'")]
    [InlineData("POST", "/v1/galleries/discs/retire", """{"images":null,"reason":"x"}""", 400, "'images'")]
    [InlineData("POST", "/v1/galleries/discs/restore", """{"reason":"x"}""", 400, "the body lacks 'images'")]
    [InlineData("POST", "/v1/galleries/discs/restore", """{"images":[],"reason":"x"}""", 400, "no image is named")]
    [InlineData("POST", "/v1/galleries/discs/rollback", """{"reason":"x"}""", 400, "the body lacks 'version'")]
    [InlineData("POST", "/v1/galleries/discs/rollback", """{"version":"two","reason":"x"}""", 400,
        "'version' has an invalid value")]
    [InlineData("POST", "/v1/galleries/discs/calibrate", """{"alfa":0.2}""", 400, "unknown member 'alfa'")]
    [InlineData("POST", "/v1/galleries/discs/calibrate", """{"kappa":3}""", 400, "unknown member 'kappa'")]
    [InlineData("POST", "/v1/galleries/discs/calibrate", """{"options":{"kapa":3}}""", 400, "unknown member 'kapa'")]
    [InlineData("POST", "/v1/galleries/discs/calibrate", "{", 400, "not the expected JSON")]
    [InlineData("POST", "/v1/results/1/feedback", "{}", 400, "the body lacks 'kind'")]
    [InlineData("POST", "/v1/results/1/feedback", """{"kind":"fine"}""", 400, "'kind' has an invalid value")]
    [InlineData("POST", "/v1/results/1/feedback", """{"kind":0}""", 400, "'kind' has an invalid value")]
    public async Task Says_what_to_change(string method, string url, string? body, int status, string sentence)
    {
        using var client = server.Client(server.Engineer);
        using var request = new HttpRequestMessage(new HttpMethod(method), url)
        {
            Content = body is null
            ? null : new StringContent(body, Encoding.UTF8, "application/json")
        };
        await IsRefusedAsync(await client.SendAsync(request), status, sentence);
    }

    [Theory]
    [InlineData("/v1/galleries/discs/retire"), InlineData("/v1/score?category=discs")]
    public async Task A_body_without_a_content_type_is_told_what_is_taken(string url)
    {
        using var client = server.Client(server.Engineer);
        await IsRefusedAsync(await client.PostAsync(url, new ByteArrayContent("{}"u8.ToArray())), 415, "send JSON as application/json");
    }

    [Theory]
    [InlineData("/sign-in", "key"), InlineData("/language", "language")]
    public async Task A_form_without_its_token_is_told_to_be_loaded_again(string url, string field)
    {
        using var client = server.Client(server.Engineer);
        var form = new FormUrlEncodedContent(new Dictionary<string, string> { [field] = "x" });
        await IsRefusedAsync(await client.PostAsync(url, form), 400, "load the page again");
    }

    [Fact]
    public async Task Feedback_of_no_kind_adds_nothing()
    {
        using var client = server.Client(server.Engineer);
        int before = await ImagesAsync();
        await client.PostAsJsonAsync($"/v1/results/{server.Decision}/feedback", new { });
        Assert.Equal(before, await ImagesAsync());
        Assert.Equal("[]", await client.GetStringAsync($"/v1/results/{server.Decision}/feedback"));

        async Task<int> ImagesAsync() =>
            (await ApiTests.Json(await client.GetAsync("/v1/galleries/discs"))).GetProperty("details").GetProperty("images")
            .GetArrayLength();
    }

    [Fact]
    public async Task Settings_can_be_sent_back_as_they_came()
    {
        using var client = server.Client(server.Engineer);
        var options = (await ApiTests.Json(await client.GetAsync("/v1/galleries/other"))).GetProperty("details").GetProperty("options");
        var after = await ApiTests.Json(await client.PostAsJsonAsync("/v1/galleries/other/calibrate", new { options }));
        Assert.Equal(options.GetRawText(), after.GetProperty("options").GetRawText());
    }

    [Fact]
    public async Task A_damaged_map_is_not_the_callers_fault()
    {
        using var client = server.Client(server.Operator);
        var decision = await ApiTests.Json(await client.PostAsync("/v1/score?category=discs", ServerFixture.Image(Part.Defective(7))));
        string url = $"/v1/results/{decision.GetProperty("id").GetInt64()}/map";
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync(url)).StatusCode);
        await server.App.Service<ServerDatabase>().WriteAsync(c => c.Execute(
            "UPDATE pictures SET map = CAST(substr(map, 1, 12) || X'FFFFFFFF' AS BLOB) WHERE decision = $id",
            ("$id", decision.GetProperty("id").GetInt64())));
        await IsRefusedAsync(await client.GetAsync(url), 500, "the server's log has it");
    }

    [Fact]
    public async Task A_damaged_category_hides_no_other_and_tells_no_path()
    {
        string folder = Path.Combine(server.Folder, "galleries", "torn");
        Directory.CreateDirectory(folder);
        await File.WriteAllTextAsync(Path.Combine(folder, "CURRENT"), "torn");
        try
        {
            using var client = server.Client(server.Viewer);
            var rows = (await ApiTests.Json(await client.GetAsync("/v1/galleries"))).EnumerateArray()
                .ToDictionary(r => r.GetProperty("category").GetString()!);
            Assert.Equal(["discs", "other", "torn"], rows.Keys.Order());
            Assert.True(rows["discs"].GetProperty("calibrated").GetBoolean());
            Assert.Contains("spade gallery verify torn", rows["torn"].GetProperty("problem").GetString(), StringComparison.Ordinal);
            var one = await client.GetAsync("/v1/galleries/torn");
            string text = await IsRefusedAsync(one, 500, "is damaged; 'spade gallery verify");
            Assert.DoesNotContain(server.Folder, text + rows["torn"].GetRawText(), StringComparison.Ordinal);

            using var browser = new HttpClient(new SocketsHttpHandler { CookieContainer = new CookieContainer() })
            {
                BaseAddress =
                new Uri(server.Address)
            };
            await SessionTests.SignInAsync(browser, server.Viewer);
            string page = await browser.GetStringAsync("/galleries");
            Assert.Contains("href=\"/galleries/discs\"", page, StringComparison.Ordinal);
            Assert.Contains("spade gallery verify torn", WebUtility.HtmlDecode(page), StringComparison.Ordinal);
            Assert.Contains("spade gallery verify torn", WebUtility.HtmlDecode(await browser.GetStringAsync("/galleries/torn")),
                StringComparison.Ordinal);
            Assert.DoesNotContain(server.Folder, page, StringComparison.Ordinal);
            await browser.GetStringAsync("/system");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public async Task A_category_whose_current_version_is_damaged_can_be_rolled_back()
    {
        using var client = server.Client(server.Engineer);
        (await client.PostAsync("/v1/galleries/restored/images?calibrate=false", ServerFixture.Image(Part.Good(1))))
            .EnsureSuccessStatusCode();
        await File.WriteAllTextAsync(Path.Combine(server.Folder, "galleries", "restored", "CURRENT"), "torn");
        Assert.Equal(HttpStatusCode.InternalServerError, (await client.GetAsync("/v1/galleries/restored")).StatusCode);
        (await client.PostAsJsonAsync("/v1/galleries/restored/rollback", new { version = 1, reason = "torn" })).EnsureSuccessStatusCode();
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/v1/galleries/restored")).StatusCode);
        Directory.Delete(Path.Combine(server.Folder, "galleries", "restored"), recursive: true);
    }

    private static async Task<string> IsRefusedAsync(HttpResponseMessage answer, int status, string sentence)
    {
        string text = await answer.Content.ReadAsStringAsync();
        Assert.True(status == (int)answer.StatusCode, text);
        string detail = JsonDocument.Parse(text).RootElement.GetProperty("detail").GetString()!;
        Assert.Contains(sentence, detail, StringComparison.Ordinal);
        Assert.DoesNotContain("SpadeCluster", detail, StringComparison.Ordinal);
        return text;
    }
}
