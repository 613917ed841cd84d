using System.Text.Json;
using SixLabors.ImageSharp;
using SixLabors.ImageSharp.Formats.Webp;
using SixLabors.ImageSharp.PixelFormats;
using SpadeCluster.Cli.Commands.Cluster;
using SpadeCluster.Cluster.Tests.Support;
using SpadeCluster.Galleries;
using SpadeCluster.Scoring;

namespace SpadeCluster.Cluster.Tests.Processes;

/// <summary>Extractor silos as real processes.</summary>
public sealed class DeviceTests
{
    [PostgresFact]
    public async Task Extractors_run_where_their_devices_are_named()
    {
        await using var silos = await RealSilos.StartAsync([("gateway", "gateway,gallery"), ("device", "extractor")],
            new() { ["Spade:Devices"] = "cpu,cpu", ["Spade:Threads"] = "1" });
        using var client = silos.Client();
        var (normals, photos) = (Photos.Normals(6), Photos.Mixed(4));
        await client.AddNormalsAsync("plate", normals, "tester");
        await client.CalibrateAsync("plate", new ScoringOptions { Alpha = 0.2 }, "tester");

        using var engines = new StandaloneEngines();
        var store = new InMemoryGalleryStore();
        var alone = new GalleryService(store, engines, "tester");
        await alone.AddAsync("plate", normals);
        await alone.CalibrateAsync("plate", new ScoringOptions { Alpha = 0.2 });
        using var standalone = new ScoringService(store, engines);
        foreach (var photo in photos)
        {
            var (here, there) = (ImageScore.Of(await standalone.ScoreAsync("plate", photo)), await client.ScoreAsync("plate", photo));
            Assert.Equal((here.RawScore, here.PredLabel), (there.RawScore, there.PredLabel));
        }

        // Gateways use the same settings as the command line.
        using var stream = new MemoryStream();
        using (var picture = Image.Load<Rgb24>(await photos[0].ReadAsync(default)))
            picture.Save(stream, new WebpEncoder { FileFormat = WebpFileFormatType.Lossless });
        Assert.Equal((await client.ScoreAsync("plate", photos[0])).RawScore,
            (await client.ScoreAsync("plate", new ImageSource("a.webp", stream.ToArray()))).RawScore);

        using var http = new HttpClient();
        foreach (string path in new[] { "ready", "live" })
        {
            var health = JsonDocument.Parse(await http.GetStringAsync($"{silos.Health("device")}/health/{path}")).RootElement;
            Assert.Equal("Healthy", health.GetProperty("status").GetString());
            var extractor = health.GetProperty("checks").GetProperty("devices").GetProperty("data").GetProperty("extractor 1");
            Assert.Equal(("CPU", "cpu"), (extractor.GetProperty("provider").GetString(), extractor.GetProperty("device").GetString()));
            Assert.Equal(engines.Default.Extractor.Model.Digest, extractor.GetProperty("modelDigest").GetString());
        }
        Assert.DoesNotContain("devices", await http.GetStringAsync($"{silos.Health("gateway")}/health/ready"));
    }

    [Theory]
    [InlineData("cuda:63", 5, "cuda:63")]
    [InlineData("cuda:0,tpu", 2, "'tpu' is not a device")]
    [InlineData(" , ", 2, "Devices is empty")]
    public async Task A_device_that_cannot_be_had_ends_the_start_with_a_sentence(string devices, int exit, string says)
    {
        string log = Path.GetTempFileName();
        var silo = SiloProcess.New("device", "gateway,gallery,extractor");
        using var process = silo.Start(RealSilos.Program,
            new Dictionary<string, string> { ["Spade:Devices"] = devices, ["Spade:PrimaryPort"] = silo.SiloPort.ToString() }, log);
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromMinutes(2));
        string said = File.ReadAllText(log);
        File.Delete(log);
        Assert.Equal(exit, process.ExitCode);
        Assert.Contains("spade: ", said);
        Assert.Contains(says, said);
        Assert.DoesNotContain("   at ", said);
    }
}
