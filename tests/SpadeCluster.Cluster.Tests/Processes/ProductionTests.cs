using SpadeCluster.Cluster.Tests.Support;
using SpadeCluster.Galleries;
using SpadeCluster.Scoring;
using Xunit.Abstractions;

namespace SpadeCluster.Cluster.Tests.Processes;

/// <summary>As in production: members and galleries in one PostgreSQL, telemetry exported; a gateway and a worker as processes.</summary>
public sealed class ProductionTests(ITestOutputHelper output)
{
    [PostgresFact]
    public async Task Galleries_live_in_the_database_and_telemetry_arrives()
    {
        await using var telemetry = await OtlpReceiver.StartAsync();
        await using var silos = await RealSilos.StartAsync([("gateway", "gateway"), ("worker", "gallery,extractor")], new()
        {
            ["Spade:Store"] = "PostgreSql",
            ["Spade:Cluster:Shards"] = "2",
            ["OTEL_EXPORTER_OTLP_ENDPOINT"] = telemetry.Endpoint,
            ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf",
            ["OTEL_METRIC_EXPORT_INTERVAL"] = "500",
            ["OTEL_BSP_SCHEDULE_DELAY"] = "200",
        });
        using var client = silos.Client();
        var (normals, photos) = (Photos.Normals(8), Photos.Mixed(4));
        await client.AddNormalsAsync("plate", normals, "tester");
        // By gate, so that flagged images fetch their pyramids from leases.
        var options = new ScoringOptions { GatePolicy = GatePolicy.Gate, Alpha = 0.2 };
        await client.CalibrateAsync("plate", options, "tester");

        using var engines = new StandaloneEngines();
        var store = new InMemoryGalleryStore();
        var alone = new GalleryService(store, engines, "tester");
        await alone.AddAsync("plate", normals);
        await alone.CalibrateAsync("plate", options);
        using var standalone = new ScoringService(store, engines);
        int localised = 0;
        foreach (var photo in photos)
        {
            var score = await client.ScoreAsync("plate", photo);
            SameScores.Assert(ImageScore.Of(await standalone.ScoreAsync("plate", photo)), score);
            if (score.Localised) localised++;
        }
        Assert.True(localised > 0, "some image should be flagged");
        Assert.False(Directory.Exists(silos.Store.Root), "galleries should be in the database only");

        string[] stages = ["decode", "extract", "gate", "retrieve", "match", "merge", "smooth"];
        (string Silo, string Name, string? Attribute)[] expected =
        [
            .. stages.Select(s => (s == "extract" ? "worker" : "gateway", "spade.stage.duration", (string?)s)),
            .. new[] { "image", "pooled", "neighbours", "pyramid", "matches" }.Select(k => ("gateway", "spade.sent", (string?)k)),
            ("worker", "spade.extractor.queue", null),
            ("worker", "spade.lease.hits", null),
            ("gateway", "spade.admitted", null),
        ];
        bool Has((string Silo, string Name, string? Attribute) m) =>
            telemetry.Metrics.ContainsKey(new ReceivedMetric(m.Silo, "SpadeCluster", m.Name, m.Attribute));
        await telemetry.WhenAsync(() => expected.All(Has), () =>
            $"these metrics should have arrived: {string.Join(", ", expected.Where(e => !Has(e)))}");
        await telemetry.WhenAsync(() => telemetry.Metrics.Keys.Any(m => m.Scope == "Microsoft.Orleans"), () =>
            "Orleans' meters should have arrived");

        // One trace from the gateway's request to the shard on another silo.
        var span = await SpanOfShardAsync(telemetry);
        var trace = telemetry.Spans.Where(s => s.TraceId == span.TraceId).ToList();
        output.WriteLine($"{telemetry.Metrics.Keys.Select(m => m.Name).Distinct().Count()} metrics; one trace: "
            + $"{string.Join(", ", trace.Select(s => $"{s.Service}:{s.Name}").Distinct())}");
    }

    [PostgresFact]
    public async Task A_gateway_with_its_own_extractor_keeps_the_image()
    {
        await using var telemetry = await OtlpReceiver.StartAsync();
        await using var silos = await RealSilos.StartAsync([("gateway", "gateway,extractor"), ("gallery", "gallery")], new()
        {
            ["OTEL_EXPORTER_OTLP_ENDPOINT"] = telemetry.Endpoint,
            ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf",
            ["OTEL_METRIC_EXPORT_INTERVAL"] = "500",
        });
        using var client = silos.Client();
        await client.AddNormalsAsync("plate", Photos.Normals(8), "tester");
        await client.CalibrateAsync("plate", new ScoringOptions { GatePolicy = GatePolicy.Gate, Alpha = 0.2 }, "tester");
        var scores = new List<ImageScore>();
        foreach (var photo in Photos.Mixed(4)) scores.Add(await client.ScoreAsync("plate", photo));
        Assert.Contains(scores, s => s.Localised);
        string[] Kinds() => [.. telemetry.Metrics.Keys.Where(m => m.Name == "spade.sent").Select(m => m.Attribute!).Distinct().Order()];
        // The last thing sent, so the rest has arrived with it or before.
        await telemetry.WhenAsync(() => Kinds().Contains("matches"), () =>
            $"matches should have been counted, beside {string.Join(", ", Kinds())}");
        Assert.Equal(["matches", "neighbours", "pooled", "pyramid"], Kinds());
    }

    private static async Task<ReceivedSpan> SpanOfShardAsync(OtlpReceiver telemetry)
    {
        ReceivedSpan? shard = null;
        await telemetry.WhenAsync(
            () => (shard = telemetry.Spans.FirstOrDefault(s =>
                s.Service == "worker" && s.Name.Contains("GalleryShardGrain", StringComparison.Ordinal)
                && telemetry.Spans.Any(g =>
                    g.Service == "gateway" && g.Scope == "SpadeCluster" && g.Name == "spade.score" && g.TraceId == s.TraceId))) is not null,
            () => $"a trace of gateway and shard should have arrived; spans: "
            + $"{string.Join(", ", telemetry.Spans.Select(s => $"{s.Service}:{s.Scope}:{s.Name}").Distinct())}");
        return shard!;
    }
}
