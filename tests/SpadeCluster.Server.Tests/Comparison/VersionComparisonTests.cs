using System.Net;
using System.Net.Http.Json;
using SpadeCluster.Server.Comparison;
using SpadeCluster.Server.Decisions;
using SpadeCluster.Server.Security;

namespace SpadeCluster.Server.Tests.Comparison;

/// <summary>Two versions of a category over the photographs of its decisions, on a running server.</summary>
public sealed class VersionComparisonTests(PartsFixture server) : IClassFixture<PartsFixture>
{
    [Fact]
    public async Task Verdicts_misses_and_rejects_of_two_versions_are_counted_over_the_kept_photographs()
    {
        await server.CreateAsync("two", [.. Enumerable.Range(0, 16).Select(i => ($"good-{i}.png", Part.Good(i)))]);
        using var client = server.Client(server.Engineer);
        int strict = await VersionAsync(client);
        long[] good = await ScoreAsync(client, 3, i => Part.Good(700 + i)), bad = await ScoreAsync(client, 4, i => Part.Defective(800 + i));
        await ScoreAsync(client, 1, i => Part.Good(i));
        // With a very high threshold every part is good.
        await ApiTests.Json(await client.PostAsJsonAsync("/v1/galleries/two/calibrate",
            new { options = new { theta = 1e6, review_rate = 0 } }));
        int lax = await VersionAsync(client);
        foreach (long id in bad[..2]) await ReportAsync(id, "defect");
        // An operator's report of a good part waits, and so is no normal yet.
        using var person = server.Client(server.Operator);
        (await person.PostAsJsonAsync($"/v1/results/{bad[2]}/feedback", new { kind = "good" })).EnsureSuccessStatusCode();
        await server.App.Service<FeedbackService>().Checks;

        var begun = await client.PostAsync($"/v1/galleries/two/comparison?a={strict}&b={lax}", null);
        Assert.Equal(HttpStatusCode.Accepted, begun.StatusCode);
        var comparisons = server.App.Service<VersionComparison>();
        await comparisons.EndAsync("two").WaitAsync(TimeSpan.FromMinutes(2));
        var result = comparisons.Find("two")!;
        Assert.Null(result.Problem);
        Assert.Equal((8, 8, 1, 0, 7), (result.Done, result.Of, result.Normals, result.Failed, result.Compared));
        // Both versions score as the line did and does.
        var before = good.Concat(bad).Select(server.App.Service<DecisionLog>().Get).GroupBy(d => d.Score.Verdict!);
        Assert.Equal(before.Select(g => (g.Key, "good", g.Count())).Order(),
            result.Verdicts.Select(v => (v.A, v.B, v.Count)).Order());
        Assert.Equal(new KnownParts(2, 0, 2, 1, 1, 0), result.Known);
        Assert.Equal(bad.Reverse(), result.Changed.Where(c => c.VerdictA == "defect").Select(c => c.Decision!.Value));
        Assert.All(result.Changed, c => Assert.True(c.ScoreA > c.ScoreB));
        foreach (string side in new[] { "a", "b" })
            Assert.Equal([0xFF, 0xD8],
                (await client.GetByteArrayAsync($"/v1/galleries/two/comparison/0/{side}"))[..2]);
        foreach (string none in new[] { "48/a", "0/c" })
            Assert.Equal(HttpStatusCode.NotFound, (await client.GetAsync($"/v1/galleries/two/comparison/{none}")).StatusCode);
        Assert.Contains("versions " + strict, await client.GetStringAsync("/v1/audit"), StringComparison.Ordinal);

        // A test set of two good parts, a defect, and a file that is no image.
        var form = new MultipartFormDataContent();
        foreach (int seed in new[] { 710, 711 }) form.Add(ServerFixture.Image(Part.Good(seed)), "good", $"good-{seed}.png");
        form.Add(ServerFixture.Image(Part.Defective(810)), "defect", "scratch.png");
        form.Add(ServerFixture.Image([1, 2, 3]), "defect", "broken.png");
        await ApiTests.Json(await client.PostAsync($"/v1/galleries/two/comparison?a={lax}&b={strict}", form));
        await comparisons.EndAsync("two").WaitAsync(TimeSpan.FromMinutes(2));
        result = comparisons.Find("two")!;
        Assert.Equal((true, 4, 1, 3), (result.Sent, result.Done, result.Failed, result.Compared));
        Assert.Equal((1, 1, 0, 2), (result.Known.Defects, result.Known.MissedByA, result.Known.MissedByB, result.Known.Good));
        Assert.Equal(0, result.Known.RejectedByA);
        Assert.Contains(result.Changed, c => c is { Name: "scratch.png", Decision: null, VerdictA: "good", VerdictB: "defect" });
        var wrong = await client.PostAsync($"/v1/galleries/two/comparison?a={lax}&b={strict}",
            new MultipartFormDataContent { { ServerFixture.Image(Part.Good(1)), "image", "a.png" } });
        Assert.Equal(HttpStatusCode.BadRequest, wrong.StatusCode);
        Assert.Contains("send good parts as 'good'", await wrong.Content.ReadAsStringAsync(), StringComparison.Ordinal);

        async Task ReportAsync(long id, string kind)
            => (await client.PostAsJsonAsync($"/v1/results/{id}/feedback", new { kind })).EnsureSuccessStatusCode();
    }

    /// <summary>The same part with two galleries, as of two models: other normals, thresholds and numbers of versions.</summary>
    [Fact]
    public async Task Two_categories_are_compared_over_the_decisions_of_one_and_over_a_test_set()
    {
        await server.CreateAsync("left", [.. Enumerable.Range(0, 12).Select(i => ($"good-{i}.png", Part.Good(i)))]);
        await server.CreateAsync("right", [.. Enumerable.Range(20, 14).Select(i => ($"good-{i}.png", Part.Good(i)))]);
        using var client = server.Client(server.Engineer);
        await ApiTests.Json(await client.PostAsJsonAsync("/v1/galleries/right/calibrate",
            new { options = new { theta = 1e6, review_rate = 0 } }));
        for (int i = 0; i < 3; i++)
            await ApiTests.Json(await client.PostAsync("/v1/score?category=left", ServerFixture.Image(Part.Defective(900 + i))));
        // A normal of the other category would match itself there.
        await ApiTests.Json(await client.PostAsync("/v1/score?category=left", ServerFixture.Image(Part.Good(20))));

        // Without numbers, the versions that decide.
        await ApiTests.Json(await client.PostAsync("/v1/galleries/left/comparison?with=right", null));
        var comparisons = server.App.Service<VersionComparison>();
        await comparisons.EndAsync("left").WaitAsync(TimeSpan.FromMinutes(2));
        var result = comparisons.Find("left")!;
        Assert.Equal(("left", 2, "right", 3), (result.Category, result.A, result.CategoryB, result.B));
        Assert.Equal((4, 1, 3), (result.Done, result.Normals, result.Compared));
        Assert.Equal([new VerdictPair("defect", "good", 3)], result.Verdicts);
        Assert.Null(comparisons.Find("right"));
        foreach (string side in new[] { "a", "b" })
            Assert.Equal([0xFF, 0xD8], (await client.GetByteArrayAsync($"/v1/galleries/left/comparison/0/{side}"))[..2]);
        Assert.Contains("versions 2 and 3 of right, 4 photographs", await client.GetStringAsync("/v1/audit"), StringComparison.Ordinal);

        var form = new MultipartFormDataContent
        {
            { ServerFixture.Image(Part.Good(910)), "good", "a.png" },
            { ServerFixture.Image(Part.Defective(911)), "defect", "b.png" },
        };
        await ApiTests.Json(await client.PostAsync("/v1/galleries/left/comparison?a=2&with=right&b=2", form));
        await comparisons.EndAsync("left").WaitAsync(TimeSpan.FromMinutes(2));
        result = comparisons.Find("left")!;
        Assert.Equal((2, 2, true, 2), (result.A, result.B, result.Sent, result.Compared));
        Assert.Equal((1, 0, 0, 1), (result.Known.Defects, result.Known.MissedByA, result.Known.MissedByB, result.Known.Good));

        // A key for one of the two sees nothing of the other.
        string key = (await server.App.Service<ApiKeyStore>().CreateAsync("left only", Role.Engineer, ["left"])).Text;
        using var scoped = server.Client(key);
        Assert.Equal(HttpStatusCode.Forbidden,
            (await scoped.PostAsync("/v1/galleries/left/comparison?with=right", null)).StatusCode);
        foreach (string address in new[] { "/v1/galleries/left/comparison", "/v1/galleries/left/comparison/0/b",
            "/galleries/left/comparison" })
            Assert.Equal(HttpStatusCode.Forbidden, (await scoped.GetAsync(address)).StatusCode);
        Assert.DoesNotContain("right", await scoped.GetStringAsync("/galleries/left"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("parts", "with=parts", HttpStatusCode.BadRequest, "or another category")]
    [InlineData("parts", "with=nothing", HttpStatusCode.NotFound, "nothing")]
    [InlineData("parts", "with=a%2Fb", HttpStatusCode.BadRequest, "category")]
    [InlineData("parts", "a=2&b=2", HttpStatusCode.BadRequest, "name two versions")]
    [InlineData("parts", "a=2&b=99", HttpStatusCode.NotFound, "99")]
    [InlineData("parts", "a=1&b=2", HttpStatusCode.Conflict, "version 1 of 'parts' has no thresholds")]
    [InlineData("parts", "a=1&b=2&count=0", HttpStatusCode.BadRequest, "count is 1 to 2000")]
    [InlineData("nothing", "a=1&b=2", HttpStatusCode.NotFound, "nothing")]
    public async Task What_cannot_be_compared_is_told(string category, string query, HttpStatusCode status, string sentence)
    {
        using var client = server.Client(server.Engineer);
        var answer = await client.PostAsync($"/v1/galleries/{category}/comparison?{query}", null);
        Assert.Equal(status, answer.StatusCode);
        Assert.Contains(sentence, await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.NotFound, (await client.GetAsync($"/v1/galleries/{category}/comparison")).StatusCode);
    }

    private static async Task<int> VersionAsync(HttpClient client) =>
        (await ApiTests.Json(await client.GetAsync("/v1/galleries/two"))).GetProperty("details").GetProperty("gallery")
            .GetProperty("version").GetInt32();

    private static async Task<long[]> ScoreAsync(HttpClient client, int count, Func<int, byte[]> part)
    {
        var ids = new List<long>();
        for (int i = 0; i < count; i++)
            ids.Add((await ApiTests.Json(await client.PostAsync("/v1/score?category=two", ServerFixture.Image(part(i)))))
                .GetProperty("id").GetInt64());
        return [.. ids];
    }
}
