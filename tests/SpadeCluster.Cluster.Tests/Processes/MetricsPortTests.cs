using System.Net;
using SpadeCluster.Cli.Commands.Cluster;
using SpadeCluster.Inference.BuiltIn;

namespace SpadeCluster.Cluster.Tests.Processes;

/// <summary>A silo's metrics for Prometheus: at their own port only.</summary>
public sealed class MetricsPortTests
{
    [Fact]
    public async Task Metrics_are_at_their_own_port_and_at_no_other()
    {
        int port = LoopbackPorts.Next();
        string folder = Directory.CreateTempSubdirectory("spade-metrics").FullName, log = Path.Combine(folder, "log");
        var silo = SiloProcess.New("alone", "gateway,gallery,extractor");
        using var process = silo.Start(RealSilos.Program, new Dictionary<string, string>
        {
            ["Spade:MetricsPort"] = port.ToString(),
            ["Spade:PrimaryPort"] = silo.SiloPort.ToString(),
            ["Spade:DefaultModel"] = BuiltInModels.OrientedEnergy,
            ["Spade:Galleries"] = Path.Combine(folder, "galleries"),
            ["Spade:Http:DataFolder"] = Path.Combine(folder, "server"),
        }, log);
        try
        {
            await silo.WaitReadyAsync(process, log, default);
            using var http = new HttpClient();
            string metrics = await http.GetStringAsync($"http://127.0.0.1:{port}/metrics");
            // The server's, the grains' and Orleans' metrics, of this silo.
            foreach (string name in new[] { "spade_admitted", "spade_galleries_open", "spade_extractor_queue", "orleans_" })
                Assert.Contains($"\n{name}", metrics, StringComparison.Ordinal);
            Assert.Contains("service_instance_id=\"alone\"", metrics, StringComparison.Ordinal);

            string health = $"http://127.0.0.1:{silo.HealthPort}/metrics";
            foreach (var attack in new HttpRequestMessage[]
            {
                new(HttpMethod.Get, health),
                new(HttpMethod.Get, health) { Headers = { Host = $"127.0.0.1:{port}" } },
                new(HttpMethod.Get, health) { Headers =
                    { { "X-Forwarded-Host", $"127.0.0.1:{port}" }, { "X-Forwarded-Port", $"{port}" } } },
            })
            {
                var answer = await http.SendAsync(attack);
                Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
            }
        }
        finally
        {
            process.Kill();
            await process.WaitForExitAsync();
            Directory.Delete(folder, recursive: true);
        }
    }
}
