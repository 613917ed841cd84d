using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Text;
using SpadeCluster.Cluster;

namespace SpadeCluster.Server.Tests;

public sealed class TelemetryTests(OpenServerFixture server) : IClassFixture<OpenServerFixture>
{
    /// <summary>A collector that only keeps what comes: OTLP over HTTP is one POST of protobuf for each signal, in which
    /// names are plain text.</summary>
    [Fact]
    public async Task Metrics_and_traces_reach_an_otlp_collector()
    {
        string address = $"http://127.0.0.1:{LoopbackPorts.Next().ToString(CultureInfo.InvariantCulture)}/";
        using var collector = new HttpListener { Prefixes = { address } };
        collector.Start();
        var bodies = new ConcurrentDictionary<string, string>();
        string[] metrics = ["spade.stage.duration", "spade.score.duration", "spade.log.duration", "spade.decisions", "spade.admitted",
            "spade.galleries.open", "spade.galleries.memory", "spade.galleries.opened"];
        var all = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var collecting = Task.Run(async () =>
        {
            while (collector.IsListening)
            {
                HttpListenerContext context;
                try
                {
                    context = await collector.GetContextAsync();
                }
                catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
                {
                    return;
                }
                using var body = new MemoryStream();
                await context.Request.InputStream.CopyToAsync(body);
                bodies.AddOrUpdate(context.Request.Url!.AbsolutePath, Encoding.Latin1.GetString(body.ToArray()), (_, known) =>
                    known + Encoding.Latin1.GetString(body.ToArray()));
                context.Response.Close();
                if (metrics.All(Of("/v1/metrics").Contains) && Of("/v1/traces").Contains("spade.category", StringComparison.Ordinal))
                    all.TrySetResult();
            }
        });
        string Of(string path) => bodies.GetValueOrDefault(path, "");

        var (process, url) = await ServerProcess.StartAsync(server.Folder, Path.Combine(server.Folder, "otlp"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", address), ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "200"), ("OTEL_BSP_SCHEDULE_DELAY", "200"));
        try
        {
            using var client = new HttpClient { BaseAddress = new Uri(url) };
            (await client.PostAsync("/v1/score?category=discs&line=L1", ServerFixture.Image(Part.Good(1)))).EnsureSuccessStatusCode();
            await Task.WhenAny(all.Task, Task.Delay(TimeSpan.FromMinutes(1)));
            Assert.True(all.Task.IsCompleted,
                $"within a minute came {string.Join(", ", bodies.Keys)}; of the metrics these: "
                + $"{string.Join(", ", metrics.Where(Of("/v1/metrics").Contains))}");
            Assert.Contains("spade-server", Of("/v1/metrics"), StringComparison.Ordinal);
        }
        finally
        {
            process.Kill();
            await process.WaitForExitAsync();
            process.Dispose();
            collector.Stop();
            await collecting;
        }
    }
}
