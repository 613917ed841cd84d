using Microsoft.Extensions.Options;
using SpadeCluster.Server.Admission;
using System.Diagnostics;
using SpadeCluster.Features;
using SpadeCluster.Scoring;
using SpadeCluster.Server.Deliveries;
using SpadeCluster.Server.Notices;
using SpadeCluster.Server.Storage;

namespace SpadeCluster.Server.Telemetry;

/// <summary>The server's state.</summary>
/// <param name="PerSecond">Decisions per second over the last minute.</param>
/// <param name="Milliseconds">Percentiles of the last decisions, from arrival to log.</param>
/// <param name="Stages">Median milliseconds per stage.</param>
/// <param name="GalleriesOpen">Number of categories open in this process.</param>
/// <param name="GalleryMemory">Their memory limit in bytes.</param>
/// <param name="Extractors">Provider, device, model and problem of each open extractor.</param>
public sealed record ServerState(
    TimeSpan Uptime, long Decisions, double PerSecond, IReadOnlyDictionary<string, double> Milliseconds,
    IReadOnlyDictionary<string, double> Stages,
    int Admitted, int Scoring, int Slots, int Queue, int Refused, int LogQueue, long BytesInFlight, long WorkingSet, long ManagedHeap,
    int GalleriesOpen, long GalleryMemory, IReadOnlyList<ExtractorHealth> Extractors)
{
    /// <summary>Notices of the categories that the caller may see.</summary>
    public IReadOnlyList<Notice> Notices { get; init; } = [];

    /// <summary>Decisions that wait for delivery, and dead letters, of each destination.</summary>
    public IReadOnlyList<OutboxState> Outbox { get; init; } = [];
}

/// <summary>The times of the last decisions, for the system page; all times are exported by OpenTelemetry.</summary>
internal sealed class ServerStatistics(IOptions<AdmissionOptions> limits, IEngineStatus engine, AdmissionControl admission,
    ScoringSlots slots, ServerDatabase database, ServerMetrics metrics)
{
    private const int Window = 1024;

    private static readonly DateTime ProcessStart = Process.GetCurrentProcess().StartTime.ToUniversalTime();

    private readonly Lock _gate = new();
    private readonly (long At, double Total, StageTimes Stages)[] _last = new (long, double, StageTimes)[Window];
    private long _count;

    public void Record(ImageScore score, TimeSpan total, TimeSpan logging)
    {
        metrics.Record(score, total, logging);
        lock (_gate) _last[_count++ % Window] = (Stopwatch.GetTimestamp(), total.TotalMilliseconds, score.Milliseconds);
    }

    public ServerState Now()
    {
        (long At, double Total, StageTimes Stages)[] last;
        long count;
        lock (_gate) (last, count) = ([.. _last.Take((int)Math.Min(_count, Window))], _count);
        var uptime = DateTime.UtcNow - ProcessStart;
        // The window is shorter if it contains less than a minute.
        var recent = last.Where(l => Stopwatch.GetElapsedTime(l.At) < TimeSpan.FromMinutes(1)).ToArray();
        double seconds = recent.Length == Window
            ? Stopwatch.GetElapsedTime(recent.Min(r => r.At)).TotalSeconds : Math.Clamp(uptime.TotalSeconds, 1, 60);
        return new ServerState(uptime, count, recent.Length / seconds,
            Percentiles([.. last.Select(l => l.Total)]),
            new Dictionary<string, double>
            {
                ["decode"] = Median(s => s.Prepare),
                ["extract"] = Median(s => s.Extract),
                ["retrieve"] = Median(s => s.Retrieve),
                ["match"] = Median(s => s.Match),
                ["smooth"] = Median(s => s.Map),
            },
            admission.Requests, slots.Busy, slots.Total, Math.Max(0, limits.Value.MaxRequests - slots.Total), admission.Refused,
            database.Waiting, admission.Bytes, Environment.WorkingSet, GC.GetTotalMemory(false),
            engine.Memory?.Categories ?? 0, engine.Memory?.Bytes ?? 0, engine.Extractors);

        double Median(Func<StageTimes, double> stage) => At([.. last.Select(l => stage(l.Stages)).Order()], 0.5);
    }

    private static Dictionary<string, double> Percentiles(double[] values)
    {
        Array.Sort(values);
        return new Dictionary<string, double> { ["p50"] = At(values, 0.5), ["p90"] = At(values, 0.9), ["p99"] = At(values, 0.99) };
    }

    private static double At(double[] sorted, double share) =>
        sorted.Length == 0 ? 0 : sorted[Math.Min(sorted.Length - 1, (int)(share * sorted.Length))];
}
