using System.Net.Http.Json;
using System.Text.Json;
using SpadeCluster.Cli.Commands.Cluster;
using SpadeCluster.Cluster.Tests.Support;

namespace SpadeCluster.Cluster.Tests.Processes;

/// <summary>A gateway's HTTP API and console: the server's own endpoints, over the cluster.</summary>
public sealed class GatewayServerTests
{
    [PostgresFact]
    public async Task The_servers_endpoints_stand_in_front_of_the_cluster()
    {
        string url = $"http://127.0.0.1:{LoopbackPorts.Next()}", data = Directory.CreateTempSubdirectory("spade-http").FullName;
        try
        {
            await using var silos = await RealSilos.StartAsync([("gateway", "gateway"), ("worker", "gallery,extractor")],
                new() { ["Spade:HttpUrls"] = url, ["Spade:Http:DataFolder"] = data, ["Spade:Cluster:Shards"] = "2" });
            using var http = new HttpClient { BaseAddress = new Uri(url), Timeout = TimeSpan.FromMinutes(2) };
            using var client = silos.Client();

            // Learned over HTTP.
            var form = new MultipartFormDataContent();
            foreach (var normal in Photos.Normals(6)) form.Add(Image(await normal.ReadAsync(default)), "image", normal.Name);
            string[] lines = (await Text(await http.PostAsync("/v1/galleries/plate/images?alpha=0.2", form))).TrimEnd().Split('\n');
            var gallery = JsonDocument.Parse(lines[^1]).RootElement;
            Assert.Equal((6, true), (gallery.GetProperty("images").GetInt32(), gallery.GetProperty("calibrated").GetBoolean()));
            int version = (await client.GetGalleryAsync("plate")).Version;
            Assert.Equal(version, gallery.GetProperty("version").GetInt32());

            // Scored as through gRPC, and explained.
            foreach (var photo in Photos.Mixed(2))
            {
                var decision = JsonDocument.Parse(await Text(await http.PostAsync("/v1/score?category=plate&line=A",
                    new MultipartFormDataContent { { Image(await photo.ReadAsync(default)), "image", photo.Name } }))).RootElement;
                var score = await client.ScoreAsync("plate", photo);
                Assert.Equal((score.RawScore, score.PredScore),
                    (decision.GetProperty("score").GetProperty("raw_score").GetDouble(),
                        decision.GetProperty("score").GetProperty("pred_score").GetDouble()));
                string evidence = await http.GetStringAsync($"/v1/results/{decision.GetProperty("id").GetInt64()}/evidence?x=10&y=10");
                Assert.Contains("normal", JsonDocument.Parse(evidence).RootElement.GetProperty("source").GetString());
            }

            // Changed over HTTP, seen over gRPC; read from the store.
            await Text(await http.PostAsJsonAsync("/v1/galleries/plate/retire",
                new { images = new[] { "normal0.ppm" }, reason = "blurred" }));
            Assert.True((await client.GetGalleryAsync("plate")).Version > version);
            Assert.NotEmpty(await http.GetByteArrayAsync("/v1/galleries/plate/snapshot"));
            Assert.Contains("oriented-energy", await http.GetStringAsync("/v1/models"));
            Assert.Contains("plate", await http.GetStringAsync("/"));
            Assert.Contains("normal1.ppm", await http.GetStringAsync("/galleries/plate"));
        }
        finally
        {
            Directory.Delete(data, recursive: true);
        }
    }

    [Fact]
    public async Task It_does_not_open_to_other_machines_without_TLS_and_a_key()
    {
        string log = Path.GetTempFileName(), data = Directory.CreateTempSubdirectory("spade-http").FullName;
        var silo = SiloProcess.New("gateway", "gateway,gallery,extractor");
        using var process = silo.Start(RealSilos.Program,
            new Dictionary<string, string>
            {
                ["Spade:HttpUrls"] = $"http://0.0.0.0:{LoopbackPorts.Next()}",
                ["Spade:Http:DataFolder"] = data,
                ["Spade:PrimaryPort"] = silo.SiloPort.ToString()
            }, log);
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromMinutes(2));
        string said = File.ReadAllText(log);
        File.Delete(log);
        Directory.Delete(data, recursive: true);
        Assert.NotEqual(0, process.ExitCode);
        Assert.Contains("spade: ", said);
        Assert.Contains("can be reached from other machines without encryption", said);
        Assert.DoesNotContain("   at ", said);
    }

    private static ByteArrayContent Image(byte[] file) => new(file) { Headers = { ContentType = new("image/x-portable-pixmap") } };

    private static async Task<string> Text(HttpResponseMessage answer)
    {
        string text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.IsSuccessStatusCode, text);
        return text;
    }
}
