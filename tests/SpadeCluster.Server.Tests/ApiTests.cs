using System.Buffers.Binary;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using SpadeCluster.Imaging;

namespace SpadeCluster.Server.Tests;

public sealed class ApiTests(ServerFixture server) : IClassFixture<ServerFixture>
{
    [Fact]
    public async Task A_defect_is_found_logged_and_explained()
    {
        using var client = server.Client(server.Operator);
        var decision = await Json(await client.PostAsync("/v1/score?category=discs&line=L2",
            new MultipartFormDataContent { { ServerFixture.Image(Part.Defective(7)), "image", "../../defect.png" } }));
        var score = decision.GetProperty("score");
        Assert.Equal(("defect", true), (score.GetProperty("verdict").GetString(), score.GetProperty("pred_label").GetBoolean()));
        Assert.Equal("defect.png", score.GetProperty("file").GetString());
        long id = decision.GetProperty("id").GetInt64();

        var again = await Json(await client.GetAsync($"/v1/results/{id}"));
        Assert.Equal(decision.GetProperty("digest").GetString(), again.GetProperty("digest").GetString());
        Assert.Equal("L2", (await Json(await client.GetAsync("/v1/results?line=L2&limit=1")))[0].GetProperty("line").GetString());
        Assert.Equal(Part.Defective(7), await client.GetByteArrayAsync($"/v1/results/{id}/image"));

        // The defect is at 66,50 of 96: its pixel matched something, and the map exceeds theta there.
        var evidence = await Json(await client.GetAsync($"/v1/results/{id}/evidence?x=154&y=117"));
        Assert.True(evidence.GetProperty("map_value").GetDouble() > evidence.GetProperty("theta").GetDouble());
        Assert.StartsWith("good-", evidence.GetProperty("source").GetString(), StringComparison.Ordinal);
        var map = await client.GetAsync($"/v1/results/{id}/map");
        Assert.Equal(224 * 224 * 4, (await map.Content.ReadAsByteArrayAsync()).Length);
        Assert.Equal(224, ImageReader.Default.Decode(await client.GetByteArrayAsync($"/v1/results/{id}/map.png"), "map").Width);
    }

    [Fact]
    public async Task Bare_pixels_score_as_the_same_picture_in_a_file()
    {
        using var client = server.Client(server.Operator);
        var picture = ImageReader.Default.Decode(Part.Good(3), "good");
        byte[] bgr = [.. picture.Pixels];
        for (int i = 0; i < bgr.Length; i += 3) (bgr[i], bgr[i + 2]) = (bgr[i + 2], bgr[i]);
        var content = ServerFixture.Image(bgr, "application/octet-stream");
        foreach (var (name, value) in new[] { ("X-Pixel-Format", "bgr8"), ("X-Width", "96"), ("X-Height", "96"), ("X-Stride", "288") })
            content.Headers.TryAddWithoutValidation(name, value);
        double bare = (await Json(await client.PostAsync("/v1/score?category=discs", content))).GetProperty("score")
            .GetProperty("raw_score")
            .GetDouble();
        double file = (await Json(await client.PostAsync("/v1/score?category=discs", ServerFixture.Image(Part.Good(3)))))
            .GetProperty("score").GetProperty("raw_score").GetDouble();
        Assert.Equal(file, bare);
    }

    [Fact]
    public async Task A_batch_reports_the_bad_file_and_goes_on()
    {
        using var client = server.Client(server.Operator);
        var form = new MultipartFormDataContent { { ServerFixture.Image(Part.Good(1)), "image", "a.png" },
            { ServerFixture.Image([1, 2, 3]), "image", "bad.png" }, { ServerFixture.Image(Part.Defective(2)), "image", "c.png" } };
        var answer = await client.PostAsync("/v1/score/batch?category=discs", form);
        var lines = (await answer.Content.ReadAsStringAsync()).TrimEnd().Split('\n').Select(l => JsonDocument.Parse(l).RootElement)
            .ToArray();
        Assert.Equal(3, lines.Length);
        Assert.False(lines[0].GetProperty("score").GetProperty("pred_label").GetBoolean());
        Assert.Contains("bad.png", lines[1].GetProperty("error").GetString(), StringComparison.Ordinal);
        Assert.True(lines[2].GetProperty("score").GetProperty("pred_label").GetBoolean());
    }

    [Fact]
    public async Task A_gallery_is_created_changed_and_rolled_back_with_an_audit_trail()
    {
        using var client = server.Client(server.Engineer);
        var form = new MultipartFormDataContent();
        for (int i = 0; i < 4; i++) form.Add(ServerFixture.Image(Part.Good(50 + i)), "image", $"n{i}.png");
        form.Add(ServerFixture.Image([9]), "image", "bad.png");
        string[] lines = (await (await client.PostAsync("/v1/galleries/made/images?alpha=0.2", form)).Content.ReadAsStringAsync()).TrimEnd()
            .Split('\n');
        Assert.Equal(4, lines.Count(l =>
            l.Contains("\"added\"", StringComparison.Ordinal) && l.Contains("\"status\"", StringComparison.Ordinal)));
        var last = JsonDocument.Parse(lines[^1]).RootElement;
        Assert.Equal((4, true, 2),
            (last.GetProperty("images").GetInt32(), last.GetProperty("calibrated").GetBoolean(), last.GetProperty("version").GetInt32()));

        var version = await client.GetAsync("/v1/galleries/made/versions/2");
        using var known = new HttpRequestMessage(HttpMethod.Get,
            "/v1/galleries/made/versions/2")
        { Headers = { IfNoneMatch = { version.Headers.ETag! } } };
        Assert.Equal(HttpStatusCode.NotModified, (await client.SendAsync(known)).StatusCode);

        Assert.Equal(3, (await Json(await client.PostAsJsonAsync("/v1/galleries/made/retire",
            new { images = new[] { "n0.png" }, reason = "blurred" }))).GetProperty("images").GetInt32());
        var back = await Json(await client.PostAsJsonAsync("/v1/galleries/made/rollback", new { version = 2, reason = "it was fine" }));
        Assert.Equal((4, true), (back.GetProperty("images").GetInt32(), back.GetProperty("calibrated").GetBoolean()));
        var spread = await Json(await client.PostAsJsonAsync("/v1/galleries/made/reshard", new { shards = 2 }));
        Assert.Equal(("reshard from 1 to 2", true),
            (spread.GetProperty("reason").GetString(), spread.GetProperty("calibrated").GetBoolean()));
        // The defect is in the right half.
        var region = await Json(await client.PutAsync("/v1/galleries/made/region?box=0,0,48,96&photo=96x96&reason=belt", null));
        Assert.Equal(("inspect the region 0,0,48,96: belt", false),
            (region.GetProperty("reason").GetString(), region.GetProperty("calibrated").GetBoolean()));
        byte[] mask = await client.GetByteArrayAsync("/v1/galleries/made/region");
        Assert.Equal(96, PngSize(mask));
        await Json(await client.DeleteAsync("/v1/galleries/made/region?reason=whole"));
        Assert.Equal(HttpStatusCode.NotFound, (await client.GetAsync("/v1/galleries/made/region")).StatusCode);
        var sent = await Json(await client.PutAsync("/v1/galleries/made/region?reason=again&name=belt.png", ServerFixture.Image(mask)));
        Assert.Equal("inspect the region belt.png: again", sent.GetProperty("reason").GetString());
        Assert.Equal(mask, await client.GetByteArrayAsync("/v1/galleries/made/region"));
        foreach (string wrong in new[] { "box=0,0,48,96&reason=x", "box=0,0,97,96&photo=96x96&reason=x", "box=0,0,48,96&photo=96x96" })
            Assert.Equal(HttpStatusCode.BadRequest, (await client.PutAsync($"/v1/galleries/made/region?{wrong}", null)).StatusCode);
        string audit = await client.GetStringAsync("/v1/audit");
        foreach (string action in new[] { "add", "calibrate", "retire", "roll back", "reshard", "region" })
            Assert.Contains($"\"action\":\"{action}\",\"subject\":\"made\"", audit, StringComparison.Ordinal);
    }

    /// <summary>The width in a PNG's header.</summary>
    private static int PngSize(byte[] png) => BinaryPrimitives.ReadInt32BigEndian(png.AsSpan(16));

    [Fact]
    public async Task Adding_may_say_why_and_a_file_name_or_the_beginning_of_an_id_names_a_normal()
    {
        using var client = server.Client(server.Engineer);
        async Task<HttpResponseMessage> Add(string query, params (int Seed, string Name)[] images)
        {
            var form = new MultipartFormDataContent();
            foreach (var (seed, name) in images) form.Add(ServerFixture.Image(Part.Good(seed)), "image", name);
            return await client.PostAsync($"/v1/galleries/named/images?calibrate=false{query}", form);
        }
        async Task<HttpResponseMessage> Change(string what, string image) =>
            await client.PostAsJsonAsync($"/v1/galleries/named/{what}", new { images = new[] { image }, reason = "x" });

        Assert.Equal(HttpStatusCode.BadRequest, (await Add("&reason=%20", (70, "a.png"))).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await Add("&reason=new%20lamp", (70, "a.png"), (71, "b.png"), (72, "b.png"))).StatusCode);
        Assert.Equal("add 3 images: new lamp",
            (await Json(await client.GetAsync("/v1/galleries/named/history")))[0].GetProperty("reason").GetString());
        Assert.Contains("3 images: new lamp, version 1", await client.GetStringAsync("/v1/audit"), StringComparison.Ordinal);

        string id = (await Json(await client.GetAsync("/v1/galleries/named"))).GetProperty("details").GetProperty("images").EnumerateArray()
            .Single(i => i.GetProperty("source").GetString() == "a.png").GetProperty("image_id").GetString()!;
        Assert.Equal("retire a.png: x", (await Json(await Change("retire", id[..8]))).GetProperty("reason").GetString());
        Assert.Equal("restore a.png: x", (await Json(await Change("restore", id[..8]))).GetProperty("reason").GetString());
        var ambiguous = await Change("retire", "b.png");
        Assert.Equal(HttpStatusCode.BadRequest, ambiguous.StatusCode);
        Assert.Contains("may be 2 images", await ambiguous.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_snapshot_can_be_fetched_in_parts()
    {
        using var client = server.Client(server.Engineer);
        byte[] whole = await client.GetByteArrayAsync("/v1/galleries/other/snapshot");
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/galleries/other/snapshot") { Headers = { Range = new(100, 199) } };
        var part = await client.SendAsync(request);
        Assert.Equal(HttpStatusCode.PartialContent, part.StatusCode);
        Assert.Equal(whole[100..200], await part.Content.ReadAsByteArrayAsync());
    }

    [Fact]
    public async Task Live_decisions_arrive_as_events()
    {
        using var client = server.Client(server.Operator);
        using var events = new StreamReader(await client.GetStreamAsync("/v1/results/live?line=live"));
        Assert.Equal("event: hello", await events.ReadLineAsync());
        await client.PostAsync("/v1/score?category=discs&line=elsewhere", ServerFixture.Image(Part.Good(1)));
        await client.PostAsync("/v1/score?category=discs&line=live", ServerFixture.Image(Part.Good(2)));
        string? line;
        while ((line = await events.ReadLineAsync()) is { } l && !l.StartsWith("data: {\"id\"", StringComparison.Ordinal)) { }
        Assert.Contains("\"line\":\"live\"", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Feedback_stands_once_and_can_be_taken_back()
    {
        using var client = server.Client(server.Operator);
        long id = (await Json(await client.PostAsync("/v1/score?category=discs", ServerFixture.Image(Part.Defective(8))))).GetProperty("id")
            .GetInt64();
        long feedback = (await Json(await client.PostAsJsonAsync($"/v1/results/{id}/feedback", new { kind = "defect", note = "scratch" })))
            .GetProperty("id").GetInt64();
        Assert.Equal(HttpStatusCode.Conflict,
            (await client.PostAsJsonAsync($"/v1/results/{id}/feedback", new { kind = "good" })).StatusCode);
        Assert.Equal("defect", (await Json(await client.GetAsync($"/v1/results/{id}"))).GetProperty("feedback").GetString());
        Assert.True((await client.DeleteAsync($"/v1/results/{id}/feedback/{feedback}")).IsSuccessStatusCode);
        Assert.Equal(JsonValueKind.Null, (await Json(await client.GetAsync($"/v1/results/{id}"))).GetProperty("feedback").ValueKind);
    }

    [Fact]
    public async Task Of_simultaneous_feedback_one_is_kept_and_one_normal_is_added()
    {
        using var client = server.Client(server.Engineer);
        long id = (await Json(await client.PostAsync("/v1/score?category=other", ServerFixture.Image(Part.Good(90))))).GetProperty("id")
            .GetInt64();
        int before = await NormalsAsync();
        var answers = await Task.WhenAll(Enumerable.Range(0, 6)
            .Select(i => client.PostAsJsonAsync($"/v1/results/{id}/feedback", new { kind = i % 2 == 0 ? "good" : "defect" })));
        Assert.Equal(1, answers.Count(a => a.StatusCode == HttpStatusCode.OK));
        Assert.Equal(5, answers.Count(a => a.StatusCode == HttpStatusCode.Conflict));
        var feedback = (await Json(await client.GetAsync($"/v1/results/{id}/feedback"))).EnumerateArray().Single();
        bool good = feedback.GetProperty("kind").GetString() == "good";
        Assert.Equal(before + (good ? 1 : 0), await NormalsAsync());
        Assert.Equal(good, feedback.GetProperty("image_id").GetString() is not null);
        (await client.DeleteAsync($"/v1/results/{id}/feedback/{feedback.GetProperty("id").GetInt64()}")).EnsureSuccessStatusCode();
        Assert.Equal(before, await NormalsAsync());

        async Task<int> NormalsAsync() =>
            (await Json(await client.GetAsync("/v1/galleries/other"))).GetProperty("details").GetProperty("images").GetArrayLength();
    }

    [Fact]
    public async Task A_key_of_some_categories_reads_of_those_only()
    {
        using var everything = server.Client(server.Engineer);
        await everything.PostAsync("/v1/score?category=discs&line=concealed", ServerFixture.Image(Part.Good(1)));
        await everything.PostAsync("/v1/score?category=other&line=seen", ServerFixture.Image(Part.Good(1)));
        foreach (string category in new[] { "discs", "other" })
            (await everything.PostAsJsonAsync($"/v1/galleries/{category}/rollback", new { version = 2, reason = "for the record" }))
                .EnsureSuccessStatusCode();
        using var browser = new HttpClient(new SocketsHttpHandler { CookieContainer = new CookieContainer() })
        {
            BaseAddress =
            new Uri(server.Address)
        };
        await SessionTests.SignInAsync(browser, server.Scoped);
        foreach (string audit in new[] { await browser.GetStringAsync("/v1/audit"), await browser.GetStringAsync("/audit") })
        {
            Assert.Contains("roll back", audit, StringComparison.Ordinal);
            Assert.DoesNotContain("discs", audit, StringComparison.Ordinal);
            Assert.DoesNotContain("sign in", audit, StringComparison.Ordinal);
        }
        Assert.Contains("sign in", await everything.GetStringAsync("/v1/audit"), StringComparison.Ordinal);
        string results = await browser.GetStringAsync("/results");
        Assert.Contains(">seen<", results, StringComparison.Ordinal);
        Assert.DoesNotContain("concealed", results, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/v1/openapi.json"), InlineData("/v1/models"), InlineData("/v1/state"), InlineData("/v1/health/ready"),
        InlineData("/v1/galleries/discs/history")]
    public async Task Answers(string url)
    {
        using var client = server.Client(server.Viewer);
        var answer = await client.GetAsync(url);
        Assert.True(answer.IsSuccessStatusCode, $"{url}: {await answer.Content.ReadAsStringAsync()}");
    }

    [Fact]
    public void No_key_is_kept_in_the_data_folder()
    {
        foreach (string file in Directory.EnumerateFiles(Path.Combine(server.Folder, "data"), "server.db*"))
        {
            using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            var content = new MemoryStream();
            stream.CopyTo(content);
            Assert.Equal(-1, content.ToArray().AsSpan().IndexOf(System.Text.Encoding.ASCII.GetBytes(server.Viewer[^43..])));
        }
    }

    internal static async Task<JsonElement> Json(HttpResponseMessage answer)
    {
        string text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.IsSuccessStatusCode, text);
        return JsonDocument.Parse(text).RootElement;
    }
}
