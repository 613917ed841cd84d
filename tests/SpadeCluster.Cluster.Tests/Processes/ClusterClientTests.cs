using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using SpadeCluster.Cli.Commands.Cluster;
using SpadeCluster.Cli.Silo;
using SpadeCluster.Client;
using SpadeCluster.Cluster.Clients;
using SpadeCluster.Cluster.Tests.Support;
using SpadeCluster.Inference.BuiltIn;
using SpadeCluster.Server;

namespace SpadeCluster.Cluster.Tests.Processes;

/// <summary>A server outside the cluster, as 'spade serve --cluster' makes it: it only calls grains of a silo in another
/// process.</summary>
public sealed class ClusterClientTests : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("spade-client").FullName;
    private readonly SiloProcess _silo = SiloProcess.New("inner", "gateway,gallery,extractor");
    private readonly int _gateway = LoopbackPorts.Next();
    private System.Diagnostics.Process _process = null!;
    private WebApplication _server = null!;
    private HttpClient _http = null!;

    public async Task InitializeAsync()
    {
        await StartSiloAsync();
        string url = $"http://127.0.0.1:{LoopbackPorts.Next()}";
        _server = SpadeServer.Create(new ServerOptions { Urls = [url], DataFolder = Path.Combine(_folder, "data") },
            builder => builder.AddClusterClient([$"localhost:{_gateway}"], "spade"));
        await _server.StartAsync();
        _http = new HttpClient { BaseAddress = new Uri(url), Timeout = TimeSpan.FromMinutes(2) };
    }

    public async Task DisposeAsync()
    {
        _http.Dispose();
        await _server.DisposeAsync();
        if (!_process.HasExited) _process.Kill();
        await _process.WaitForExitAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task It_learns_scores_and_changes_like_a_gateway_and_outlives_the_loss_of_one()
    {
        var form = new MultipartFormDataContent();
        foreach (var normal in Photos.Normals(6)) form.Add(Image(await normal.ReadAsync(default)), "image", normal.Name);
        string[] lines = (await Text(await _http.PostAsync("/v1/galleries/plate/images?alpha=0.2", form))).TrimEnd().Split('\n');
        var gallery = JsonDocument.Parse(lines[^1]).RootElement;
        Assert.Equal((6, true), (gallery.GetProperty("images").GetInt32(), gallery.GetProperty("calibrated").GetBoolean()));

        using var inside = new SpadeClient(SpadeClientOptions.For([$"127.0.0.1:{_silo.GrpcPort}"]));
        foreach (var photo in Photos.Mixed(2))
        {
            var outside = await ScoreAsync(photo.Name, await photo.ReadAsync(default));
            var expected = await inside.ScoreAsync("plate", photo);
            Assert.Equal((expected.RawScore, expected.PredScore, expected.MapMax, expected.GateDistance, expected.Version),
                (outside.GetProperty("raw_score").GetDouble(), outside.GetProperty("pred_score").GetDouble(),
                    outside.GetProperty("map_max").GetDouble(), outside.GetProperty("gate_distance").GetDouble(),
                    outside.GetProperty("version").GetInt32()));
            Assert.Equal(expected.Regions.Select(r => (r.Box.X, r.Box.Y, r.Evidence?.Source)),
                outside.GetProperty("regions").EnumerateArray().Select(r => (r.GetProperty("box").GetProperty("x").GetInt32(),
                    r.GetProperty("box").GetProperty("y").GetInt32(), r.GetProperty("evidence").GetProperty("source").GetString())));
        }
        Assert.Contains("oriented-energy", await _http.GetStringAsync("/v1/models"));
        Assert.Contains("normal1.ppm", await _http.GetStringAsync("/galleries/plate"));

        await Text(await _http.PostAsJsonAsync("/v1/galleries/plate/retire", new { images = new[] { "normal0.ppm" }, reason = "blurred" }));
        Assert.Equal(5, (await inside.GetGalleryAsync("plate")).ImageCount);
        Assert.Equal(3, JsonDocument.Parse(await _http.GetStringAsync("/v1/galleries/plate/history")).RootElement
            .EnumerateArray().Count(v => v.GetProperty("version").GetInt32() <= 3));

        // An image in progress when the silo is killed is scored by the silo that is started next.
        _process.Kill();
        await _process.WaitForExitAsync();
        var waiting = ScoreAsync("late.ppm", await Photos.Mixed(1)[0].ReadAsync(default));
        await StartSiloAsync();
        Assert.True((await waiting).GetProperty("localised").GetBoolean());
    }

    [Theory]
    [InlineData("here")]
    [InlineData("here:")]
    [InlineData(":30000")]
    [InlineData("here:0")]
    [InlineData("here:65536")]
    [InlineData("he re:1")]
    public void An_address_that_is_none_is_refused(string text)
        => Assert.Equal(SpadeError.InvalidArgument, Assert.Throws<SpadeException>(() => GatewayAddresses.Parse(text)).Error);

    private async Task StartSiloAsync()
    {
        string log = Path.Combine(_folder, "silo.log");
        _process = _silo.Start(RealSilos.Program, new Dictionary<string, string>
        {
            ["Spade:Galleries"] = Path.Combine(_folder, "galleries"),
            ["Spade:DefaultModel"] = BuiltInModels.OrientedEnergy,
            ["Spade:PrimaryPort"] = _silo.SiloPort.ToString(CultureInfo.InvariantCulture),
            ["Spade:GatewayPort"] = _gateway.ToString(CultureInfo.InvariantCulture),
        }, log);
        await _silo.WaitReadyAsync(_process, log, default);
    }

    private async Task<JsonElement> ScoreAsync(string name, byte[] file)
        => JsonDocument.Parse(await Text(await _http.PostAsync("/v1/score?category=plate",
            new MultipartFormDataContent { { Image(file), "image", name } }))).RootElement.GetProperty("score");

    private static ByteArrayContent Image(byte[] file) => new(file) { Headers = { ContentType = new("image/x-portable-pixmap") } };

    private static async Task<string> Text(HttpResponseMessage answer)
    {
        string text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.IsSuccessStatusCode, text);
        return text;
    }
}
