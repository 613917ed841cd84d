using System.Collections.Concurrent;
using System.Net;
using System.Text;
using System.Threading.Channels;
using Google.Protobuf;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace SpadeCluster.Cluster.Tests.Support;

/// <summary>A span as it was exported. <see cref="Service"/> is the silo's name.</summary>
internal sealed record ReceivedSpan(string Service, string Scope, string Name, string TraceId, string SpanId, string ParentId);

/// <summary>A metric's existence, with one value of its attributes where it has some.</summary>
internal sealed record ReceivedMetric(string Service, string Scope, string Name, string? Attribute);

/// <summary>A receiver of OTLP, protobuf over HTTP, that reads only the fields that tests check.</summary>
internal sealed class OtlpReceiver : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly Channel<bool> _arrived = Channel.CreateUnbounded<bool>();

    private OtlpReceiver(WebApplication app) => _app = app;

    public string Endpoint => _app.Urls.First();
    public ConcurrentBag<ReceivedSpan> Spans { get; } = [];
    public ConcurrentDictionary<ReceivedMetric, bool> Metrics { get; } = new();

    public static async Task<OtlpReceiver> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(k => k.Listen(IPAddress.Loopback, 0));
        var app = builder.Build();
        var receiver = new OtlpReceiver(app);
        app.MapPost("/v1/traces", request => receiver.ReadAsync(request, receiver.AddSpans));
        app.MapPost("/v1/metrics", request => receiver.ReadAsync(request, receiver.AddMetrics));
        await app.StartAsync();
        return receiver;
    }

    /// <summary>Waits until what has arrived satisfies a condition; looks again whenever something arrives.</summary>
    public async Task WhenAsync(Func<bool> condition, Func<string> awaited)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        try
        {
            while (!condition()) await _arrived.Reader.ReadAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            Assert.Fail(awaited());
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
    }

    private async Task ReadAsync(HttpContext context, Action<byte[]> add)
    {
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body);
        add(body.ToArray());
        await _arrived.Writer.WriteAsync(true);
        context.Response.ContentType = "application/x-protobuf";
    }

    // Field numbers are those of opentelemetry-proto's trace.proto and metrics.proto, 1.x.
    private void AddSpans(byte[] request)
    {
        foreach (var (service, scope, span) in Items(request))
            Spans.Add(new ReceivedSpan(service, scope, Text(span, 5), Hex(span, 1), Hex(span, 2), Hex(span, 4)));
    }

    private void AddMetrics(byte[] request)
    {
        foreach (var (service, scope, metric) in Items(request))
        {
            string name = Text(metric, 1);
            // Gauge 5, sum 7, histogram 9: each has its data points in field 1; attributes are field 9 of a histogram's, 7 of others.
            foreach (int kind in new[] { 5, 7, 9 })
                foreach (var data in Fields(metric, kind))
                    foreach (var point in Fields(data, 1))
                    {
                        var attributes = Fields(point, kind == 9 ? 9 : 7).Select(a => Fields(a, 2).Select(v => Text(v, 1)).FirstOrDefault())
                            .ToList();
                        Metrics[new ReceivedMetric(service, scope, name, attributes.FirstOrDefault())] = true;
                    }
        }
    }

    /// <summary>Spans and metrics have the same nesting: resource, scope, item.</summary>
    private static IEnumerable<(string Service, string Scope, byte[] Item)> Items(byte[] request)
    {
        foreach (var ofResource in Fields(request, 1))
        {
            string service = Fields(ofResource, 1).SelectMany(r => Fields(r, 1)).Where(a => Text(a, 1) == "service.instance.id")
                .SelectMany(a => Fields(a, 2)).Select(v => Text(v, 1)).FirstOrDefault("");
            foreach (var ofScope in Fields(ofResource, 2))
            {
                string scope = Fields(ofScope, 1).Select(s => Text(s, 1)).FirstOrDefault("");
                foreach (var item in Fields(ofScope, 2)) yield return (service, scope, item);
            }
        }
    }

    private static string Text(byte[] message, int field) => Fields(message, field).Select(Encoding.UTF8.GetString).FirstOrDefault("");

    private static string Hex(byte[] message, int field) => Fields(message, field).Select(Convert.ToHexStringLower).FirstOrDefault("");

    private static List<byte[]> Fields(byte[] message, int field)
    {
        var found = new List<byte[]>();
        var input = new CodedInputStream(message);
        while (input.ReadTag() is > 0 and uint tag)
        {
            if (WireFormat.GetTagFieldNumber(tag) == field && WireFormat.GetTagWireType(tag) == WireFormat.WireType.LengthDelimited)
                found.Add(input.ReadBytes().ToByteArray());
            else input.SkipLastField();
        }
        return found;
    }
}
