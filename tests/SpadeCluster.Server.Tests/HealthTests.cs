using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using SpadeCluster.Features;
using SpadeCluster.Galleries;

namespace SpadeCluster.Server.Tests;

public sealed class HealthTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("spade-health-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_lost_device_makes_the_server_unready_and_says_why()
    {
        using var engines = new TestEngines();
        var store = new InMemoryGalleryStore();
        var health = new ExtractorHealth("CUDA", "cuda:0", engines.Default.Extractor.Model.Digest);
        engines.Health = [health];
        await using var app = TestServer.Create(new ServerOptions { Urls = ["http://127.0.0.1:0"], DataFolder = _folder }, store, engines);
        await app.StartAsync();
        using var client = new HttpClient { BaseAddress = new Uri(app.Urls.Single()) };

        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/v1/health/ready")).StatusCode);
        var extractor = (await client.GetFromJsonAsync<JsonElement>("/v1/state")).GetProperty("extractors")[0];
        Assert.Equal(("CUDA", "cuda:0", health.ModelDigest),
            (extractor.GetProperty("provider").GetString(), extractor.GetProperty("device").GetString(),
                extractor.GetProperty("model_digest").GetString()));
        Assert.Contains("CUDA cuda:0", await client.GetStringAsync("/system"), StringComparison.Ordinal);

        engines.Health = [health with { Problem = "the device fell off the bus" }];
        foreach (string path in new[] { "/v1/health/ready", "/v2/health/ready" })
        {
            var unready = await client.GetAsync(path);
            Assert.Equal(HttpStatusCode.ServiceUnavailable, unready.StatusCode);
            Assert.Contains("cuda:0: the device fell off the bus", await unready.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/v1/health/live")).StatusCode);
    }
}
