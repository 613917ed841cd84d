using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Server.Storage;

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

    [Theory]
    [InlineData(long.MaxValue, 1 << 20, HttpStatusCode.OK, "degraded"),
        InlineData(0, long.MaxValue / 2, HttpStatusCode.ServiceUnavailable, "unavailable"),
        InlineData(0, 1 << 20, HttpStatusCode.OK, "ready")]
    public async Task A_disk_that_fills_up_is_told_before_photographs_are_refused(long headroom, long body, HttpStatusCode status,
        string word)
    {
        using var engines = new TestEngines();
        await using var app = TestServer.Create(new ServerOptions
        {
            Urls = ["http://127.0.0.1:0"],
            DataFolder = _folder,
            DiskHeadroom = headroom,
            MaxBodyBytes = body
        }, new InMemoryGalleryStore(), engines);
        await app.StartAsync();
        using var client = new HttpClient { BaseAddress = new Uri(app.Urls.Single()) };
        var answer = await client.GetAsync("/v1/health/ready");
        var report = await answer.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal((status, word), (answer.StatusCode, report.GetProperty("status").GetString()));
        Assert.Equal(word == "ready" ? 0 : 1, report.GetProperty("reasons").GetArrayLength());
        Assert.Equal(status, (await client.GetAsync("/v2/health/ready")).StatusCode);
    }

    [Fact]
    public async Task A_log_that_takes_no_row_makes_the_server_unready_and_uptime_counts_from_the_process()
    {
        using var engines = new TestEngines();
        await using var app = TestServer.Create(new ServerOptions { Urls = ["http://127.0.0.1:0"], DataFolder = _folder },
            new InMemoryGalleryStore(),
            engines);
        await app.StartAsync();
        using var client = new HttpClient { BaseAddress = new Uri(app.Urls.Single()) };
        var age = DateTime.UtcNow - System.Diagnostics.Process.GetCurrentProcess().StartTime.ToUniversalTime();
        Assert.True((await client.GetFromJsonAsync<JsonElement>("/v1/state")).GetProperty("uptime").Deserialize<TimeSpan>() >= age);
        // Reads go on; a write of nothing would succeed.
        await app.Service<ServerDatabase>().WriteAsync(c => c.Execute("PRAGMA query_only = TRUE"));
        var unready = await client.GetAsync("/v1/health/ready");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, unready.StatusCode);
        Assert.Contains("server.db", await unready.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }
}
