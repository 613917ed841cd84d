using System.Buffers.Binary;
using System.Net;
using System.Net.Http.Json;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using SpadeCluster.Imaging;
using SpadeCluster.Server.Decisions;

namespace SpadeCluster.Server.Tests.Inference;

/// <summary>The requests of tritonclient.http, byte for byte in shape: JSON, then tensors, the JSON's length in a header.</summary>
public sealed class OpenInferenceTests(ServerFixture server) : IClassFixture<ServerFixture>
{
    [Fact]
    public async Task Binary_tensors_give_the_answers_of_the_score_endpoint()
    {
        using var client = server.Client(server.Operator);
        var picture = ImageReader.Default.Decode(Part.Defective(5), "part");
        byte[] head = Encoding.UTF8.GetBytes("""
            {"id":"42",
             "inputs":[{"name":"image","shape":[1,96,96,3],"datatype":"UINT8","parameters":{"binary_data_size":27648}}],
             "outputs":[{"name":"anomaly_score","parameters":{"binary_data":true}},
                        {"name":"is_anomalous","parameters":{"binary_data":true}},
                        {"name":"anomaly_map","parameters":{"binary_data":true}}]}
            """);
        var content = new ByteArrayContent([.. head, .. picture.Pixels]);
        content.Headers.TryAddWithoutValidation("Inference-Header-Content-Length", $"{head.Length}");
        var answer = await client.PostAsync("/v2/models/discs/infer", content);
        byte[] body = await answer.Content.ReadAsByteArrayAsync();
        Assert.True(answer.IsSuccessStatusCode, Encoding.UTF8.GetString(body));

        int length = int.Parse(answer.Headers.GetValues("Inference-Header-Content-Length").Single(),
            System.Globalization.CultureInfo.InvariantCulture);
        var json = JsonDocument.Parse(body.AsMemory(0, length)).RootElement;
        Assert.Equal(("discs", "42"), (json.GetProperty("model_name").GetString(), json.GetProperty("id").GetString()));
        Assert.Equal([4, 1, 224 * 224 * 4],
            json.GetProperty("outputs").EnumerateArray()
            .Select(o => o.GetProperty("parameters").GetProperty("binary_data_size").GetInt32()));

        var score = (await ApiTests.Json(await client.PostAsync("/v1/score?category=discs", ServerFixture.Image(Part.Defective(5)))))
            .GetProperty("score");
        Assert.Equal((float)score.GetProperty("pred_score").GetDouble(), BinaryPrimitives.ReadSingleLittleEndian(body.AsSpan(length)));
        Assert.Equal(1, body[length + 4]);
        Assert.Equal((float)score.GetProperty("map_max").GetDouble(),
            MemoryMarshal.Cast<byte, float>(body.AsSpan(length + 5)).ToArray().Max());
    }

    [Fact]
    public async Task Files_in_JSON_are_scored_too()
    {
        using var client = server.Client(server.Operator);
        var answer = await ApiTests.Json(await client.PostAsJsonAsync("/v2/models/discs/infer",
            new
            {
                inputs = new[] { new { name = "image", datatype = "BYTES", shape = new[] { 2 },
                data = new[] { Convert.ToBase64String(Part.Good(4)), Convert.ToBase64String(Part.Defective(4)) } } }
            }));
        JsonElement Output(string name) =>
            answer.GetProperty("outputs").EnumerateArray().Single(o => o.GetProperty("name").GetString() == name).GetProperty("data");
        Assert.Equal("[false,true]", Output("is_anomalous").GetRawText());
        Assert.Equal("defect", Output("verdict")[1].GetString());
        Assert.Contains(Output("verdict")[0].GetString(), (string[])["good", "review"]);
    }

    [Fact]
    public async Task Maps_of_more_photographs_than_a_body_may_hold_are_refused_before_one_is_scored()
    {
        using var client = server.Client(server.Operator);
        // 4 MB, of which a map takes 224 x 224 x 4 bytes.
        string[] files = [.. Enumerable.Repeat(Convert.ToBase64String(Part.Good(4)), 21)];
        long before = server.App.Service<DecisionLog>().Count();
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, await InferAsync(files, "anomaly_map"));
        Assert.Equal(HttpStatusCode.BadRequest, await InferAsync(files[..1], "verdict", "verdict"));
        Assert.Equal(before, server.App.Service<DecisionLog>().Count());
        Assert.Equal(HttpStatusCode.OK, await InferAsync(files[..20], "anomaly_map"));

        async Task<HttpStatusCode> InferAsync(string[] data, params string[] outputs) =>
            (await client.PostAsJsonAsync("/v2/models/discs/infer", new
            {
                inputs = new[] { new { name = "image", datatype = "BYTES", shape = new[] { data.Length }, data } },
                outputs = outputs.Select(name => new { name, parameters = new { binary_data = true } }),
            })).StatusCode;
    }

    [Fact]
    public async Task The_version_that_judges_is_served_until_a_newer_one_has_thresholds()
    {
        using var client = server.Client(server.Engineer);
        object Request() => new
        {
            inputs =
            new[] { new { name = "image", datatype = "BYTES", shape = new[] { 1 },
                data = new[] { Convert.ToBase64String(Part.Good(4)) } } }
        };
        var details = (await ApiTests.Json(await client.GetAsync("/v1/galleries/other"))).GetProperty("details");
        int scoring = details.GetProperty("gallery").GetProperty("version").GetInt32();
        (await client.PostAsync("/v1/galleries/other/images?calibrate=false", ServerFixture.Image(Part.Good(200))))
            .EnsureSuccessStatusCode();

        Assert.Equal($"{scoring}", (await ApiTests.Json(await client.GetAsync("/v2/models/other"))).GetProperty("versions")[0].GetString());
        Assert.Equal($"{scoring}",
            (await ApiTests.Json(await client.PostAsJsonAsync($"/v2/models/other/versions/{scoring}/infer", Request())))
            .GetProperty("model_version").GetString());
        var newer = await client.PostAsJsonAsync($"/v2/models/other/versions/{scoring + 1}/infer", Request());
        Assert.Equal(HttpStatusCode.NotFound, newer.StatusCode);
        Assert.Equal("{\"error\":\"'other' is served in version " + scoring + " only\"}", await newer.Content.ReadAsStringAsync());

        // The console says the same, and thresholds are learned with the same options as before.
        using var browser = new HttpClient(new SocketsHttpHandler { CookieContainer = new System.Net.CookieContainer() })
        {
            BaseAddress =
            new Uri(server.Address)
        };
        await SessionTests.SignInAsync(browser, server.Viewer);
        Assert.Contains($"Version {scoring + 1} is not calibrated: decisions are made by version {scoring}",
            await browser.GetStringAsync("/galleries/other"), StringComparison.Ordinal);
        Assert.Contains($"not calibrated: scored with version {scoring}", await browser.GetStringAsync("/galleries"),
            StringComparison.Ordinal);
        var after = await ApiTests.Json(await client.PostAsJsonAsync("/v1/galleries/other/calibrate", new { }));
        Assert.Equal(details.GetProperty("options").GetRawText(), after.GetProperty("options").GetRawText());
        Assert.Equal($"{scoring + 2}",
            (await ApiTests.Json(await client.GetAsync("/v2/models/other"))).GetProperty("versions")[0].GetString());
    }

    [Fact]
    public async Task Without_thresholds_there_is_no_verdict_to_give()
    {
        using var client = server.Client(server.Engineer);
        (await client.PostAsync("/v1/galleries/raw/images?calibrate=false", ServerFixture.Image(Part.Good(1)))).EnsureSuccessStatusCode();
        var answer = await client.PostAsJsonAsync("/v2/models/raw/infer",
            new
            {
                inputs = new[] { new { name = "image", datatype = "BYTES", shape = new[] { 1 },
                data = new[] { Convert.ToBase64String(Part.Good(4)) } } }
            });
        Assert.Equal(HttpStatusCode.Conflict, answer.StatusCode);
        Assert.StartsWith("{\"error\":\"'raw' has no thresholds yet", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.False((await ApiTests.Json(await client.GetAsync("/v2/models/raw/ready"))).GetProperty("ready").GetBoolean());
    }

    [Fact]
    public async Task A_model_describes_itself_in_its_current_version_only()
    {
        using var client = server.Client(server.Viewer);
        var model = await ApiTests.Json(await client.GetAsync("/v2/models/discs"));
        string version = model.GetProperty("versions")[0].GetString()!;
        Assert.True((await client.GetAsync($"/v2/models/discs/versions/{version}/ready")).IsSuccessStatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await client.GetAsync("/v2/models/discs/versions/77")).StatusCode);
        foreach (string url in new[] { "/v2", "/v2/health/live", "/v2/health/ready" })
            Assert.True((await client.GetAsync(url)).IsSuccessStatusCode, url);
    }
}
