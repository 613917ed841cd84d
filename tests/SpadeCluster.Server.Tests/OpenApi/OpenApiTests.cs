using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Routing;
using Microsoft.OpenApi;

namespace SpadeCluster.Server.Tests.OpenApi;

/// <summary>/v1/openapi.json against the server that it describes.</summary>
public sealed class OpenApiTests(ServerFixture server) : IClassFixture<ServerFixture>
{
    [Fact]
    public async Task A_reader_of_OpenAPI_finds_no_error()
    {
        var read = OpenApiDocument.Parse(await TextAsync(server), "json");
        Assert.Empty(read.Diagnostic!.Errors);
        Assert.Empty(read.Diagnostic.Warnings);
        Assert.Empty(read.Document!.Validate(ValidationRuleSet.GetDefaultRuleSet()));
    }

    [Fact]
    public async Task Every_endpoint_of_the_API_is_described_and_nothing_else()
    {
        var document = await ReadAsync();
        var described = Operations(document).Select(o => $"{o.Method} {o.Path.TrimEnd('/')}").Order();
        var mapped = from e in server.App.Service<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
                     let path = "/" + e.RoutePattern.RawText!.Trim('/').Replace(":long", "", StringComparison.Ordinal)
                         .Replace(":int", "", StringComparison.Ordinal)
                     where path.StartsWith("/v1/", StringComparison.Ordinal) || path.StartsWith("/v2", StringComparison.Ordinal)
                     where path != "/v1/openapi.json"
                     from method in e.Metadata.GetMetadata<IHttpMethodMetadata>()!.HttpMethods
                     select $"{method} {path}";
        Assert.Equal(mapped.Order(), described);
    }

    [Fact]
    public async Task Every_operation_has_an_id_a_tag_a_summary_its_key_and_its_answers()
    {
        var document = await ReadAsync();
        var operations = Operations(document).ToList();
        Assert.Equal(operations.Count, operations.Select(o => o.Operation.OperationId).Distinct().Count());
        Assert.All(operations, o =>
        {
            var (name, operation) = ($"{o.Method} {o.Path}", o.Operation);
            Assert.Matches("^[a-z]+[A-Za-z]*$", operation.OperationId);
            Assert.False(string.IsNullOrEmpty(operation.Summary), name);
            Assert.Single(operation.Tags!);
            // An empty list says that no key is needed; no list would say nothing.
            Assert.NotNull(operation.Security);
            bool open = o.Path.Contains("/health/", StringComparison.Ordinal) || o.Path.TrimEnd('/') == "/v2";
            Assert.Equal(open ? 0 : 1, operation.Security.Count);
            Assert.Equal(open, !operation.Responses!.ContainsKey("401") && !operation.Responses.ContainsKey("403"));
            Assert.Contains("429", operation.Responses.Keys);
            Assert.Contains("default", operation.Responses.Keys);
            Assert.All(operation.Responses,
                r => Assert.True(r.Key is "204" or "304" || r.Value.Content is { Count: > 0 }, $"{name}: {r.Key}"));
            if (operation.RequestBody is { } body)
            {
                Assert.NotEmpty(body.Content!);
                Assert.Empty(new[] { "400", "413", "415" }.Except(operation.Responses.Keys));
            }
        });
        Assert.Equal(SecuritySchemeType.Http, document.Components!.SecuritySchemes!["key"].Type);
    }

    [Fact]
    public async Task A_number_is_never_also_a_text_and_bytes_are_no_base64()
    {
        string text = await TextAsync(server);
        Assert.DoesNotContain("\"format\": \"byte\"", text, StringComparison.Ordinal);
        foreach (var type in Descendants(JsonDocument.Parse(text).RootElement).Where(t => t.Name == "type"
            && t.Value.ValueKind == JsonValueKind.Array))
        {
            string?[] types = [.. type.Value.EnumerateArray().Select(v => v.GetString())];
            Assert.False(types.Contains("string") && types.Intersect(["integer", "number"]).Any(), type.Value.GetRawText());
        }
    }

    [Theory]
    [InlineData("POST", "/v1/score?category=discs", "/v1/score", 400, "image/png", "no image")]
    [InlineData("POST", "/v1/score?category=discs", "/v1/score", 415, "text/plain", "no image")]
    [InlineData("POST", "/v1/score?category=none", "/v1/score", 404, "image/png", null)]
    [InlineData("POST", "/v1/score/batch?category=none", "/v1/score/batch", 404, "multipart/form-data", null)]
    [InlineData("POST", "/v1/score?category=discs", "/v1/score", 413, "image/png", "large")]
    [InlineData("GET", "/v1/results/99999", "/v1/results/{id}", 404, null, null)]
    [InlineData("GET", "/v1/results?verdict=perhaps", "/v1/results", 400, null, null)]
    [InlineData("GET", "/v1/results?since=noon", "/v1/results", 400, null, null)]
    [InlineData("GET", "/v1/galleries/none/history", "/v1/galleries/{category}/history", 404, null, null)]
    [InlineData("GET", "/v1/galleries/a%20b", "/v1/galleries/{category}", 400, null, null)]
    [InlineData("GET", "/v1/galleries/discs/versions/99", "/v1/galleries/{category}/versions/{version}", 404, null, null)]
    [InlineData("GET", "/v1/galleries/discs/images/x/thumbnail", "/v1/galleries/{category}/images/{image}/thumbnail", 400, null, null)]
    [InlineData("GET", "/v1/galleries/discs/region", "/v1/galleries/{category}/region", 404, null, null)]
    [InlineData("POST", "/v1/galleries/discs/retire", "/v1/galleries/{category}/retire", 400, "application/json", "{}")]
    [InlineData("POST", "/v1/galleries/discs/rollback", "/v1/galleries/{category}/rollback", 400, "application/json",
        """{"version": "2", "reason": "a number in quotes"}""")]
    [InlineData("DELETE", "/v1/keys/none", "/v1/keys/{id}", 404, null, null)]
    [InlineData("GET", "/v1/notices?category=a%20b", "/v1/notices", 400, null, null)]
    [InlineData("GET", "/v1/audit?limit=many", "/v1/audit", 400, null, null)]
    [InlineData("GET", "/v2/models/none", "/v2/models/{category}", 404, null, null)]
    [InlineData("POST", "/v2/models/discs/infer", "/v2/models/{category}/infer", 400, "application/json", "{}")]
    public async Task A_refusal_is_one_of_the_described_answers(string method, string address, string path, int status, string? type,
        string? body)
    {
        using var client = server.Client(server.Engineer);
        using var request = new HttpRequestMessage(new HttpMethod(method), address);
        if (type == "multipart/form-data")
            request.Content = new MultipartFormDataContent { { ServerFixture.Image(Part.Good(1)), "image", "a.png" } };
        else if (type is not null)
            request.Content = new ByteArrayContent(body switch
            {
                null => Part.Good(1),
                "large" => new byte[5 << 20],
                _ => Encoding.UTF8.GetBytes(body),
            })
            { Headers = { ContentType = MediaTypeHeaderValue.Parse(type) } };
        // A body that is too large is not read.
        request.Headers.ExpectContinue = status == 413;
        using var answer = await client.SendAsync(request);
        await AssertDescribedAsync(answer, path, method, status);
    }

    [Fact]
    public async Task A_conflict_is_one_of_the_described_answers()
    {
        using var client = server.Client(server.Operator);
        Task<HttpResponseMessage> GiveAsync()
            => client.PostAsJsonAsync($"/v1/results/{server.Decision}/feedback", new { kind = "defect" });
        (await GiveAsync()).EnsureSuccessStatusCode();
        await AssertDescribedAsync(await GiveAsync(), "/v1/results/{id}/feedback", "POST", 409);
    }

    private async Task AssertDescribedAsync(HttpResponseMessage answer, string path, string method, int status)
    {
        string text = await answer.Content.ReadAsStringAsync();
        Assert.Equal((status, text), ((int)answer.StatusCode, text));

        var operation = Operations(await ReadAsync()).Single(o => o.Path.TrimEnd('/') == path && o.Method == method).Operation;
        var content = Assert.Single(operation.Responses![$"{status}"].Content!);
        Assert.Equal(answer.Content.Headers.ContentType!.MediaType, content.Key);
        // Exactly the members that are described.
        Assert.Equal(content.Value.Schema!.Properties!.Keys.Order(),
            JsonDocument.Parse(text).RootElement.EnumerateObject().Select(p => p.Name).Order());
    }

    [Fact]
    public async Task Pixels_and_metadata_have_their_headers()
    {
        var score = Operations(await ReadAsync()).Single(o => o.Operation.OperationId == "score").Operation;
        Assert.Equal(["X-Line", "X-Serial-Number", "X-Batch", "X-Shift", "X-Operator", "X-Source", "X-Pixel-Format", "X-Width", "X-Height",
            "X-Stride"], score.Parameters!.Where(p => p.In == ParameterLocation.Header).Select(p => p.Name));
        Assert.Equal(["rgb8", "bgr8", "gray8", "gray16"],
            score.Parameters!.Single(p => p.Name == "X-Pixel-Format").Schema!.Enum!.Select(f => f.GetValue<string>()));
        Assert.Equal(["application/octet-stream", "image/*", "multipart/form-data"], score.RequestBody!.Content!.Keys.Order());
        Assert.Contains("Location", score.Responses!["200"].Headers!.Keys);
        Assert.Contains("Retry-After", score.Responses["429"].Headers!.Keys);
    }

    internal static async Task<string> TextAsync(ServerFixture server)
    {
        using var client = server.Client(server.Viewer);
        return await client.GetStringAsync("/v1/openapi.json");
    }

    private async Task<OpenApiDocument> ReadAsync() => OpenApiDocument.Parse(await TextAsync(server), "json").Document!;

    private static IEnumerable<(string Path, string Method, OpenApiOperation Operation)> Operations(OpenApiDocument document)
        => document.Paths.SelectMany(p => p.Value.Operations!.Select(o => (p.Key, o.Key.Method.ToUpperInvariant(), o.Value)));

    private static IEnumerable<(string Name, JsonElement Value)> Descendants(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Object => element.EnumerateObject().SelectMany(p => Descendants(p.Value).Prepend((p.Name, p.Value))),
        JsonValueKind.Array => element.EnumerateArray().SelectMany(Descendants),
        _ => [],
    };
}
