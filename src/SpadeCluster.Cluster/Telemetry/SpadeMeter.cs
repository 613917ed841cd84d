using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using SpadeCluster.Cluster.Extraction;

namespace SpadeCluster.Cluster.Telemetry;

/// <summary>The cluster's own metrics and traces; Orleans and ASP.NET Core have theirs beside them.</summary>
public static class SpadeMeter
{
    public const string Name = "SpadeCluster";

    private static readonly Meter Meter = new(Name);
    private static readonly ConcurrentDictionary<object, (ExtractionQueue Queue, PyramidLeases Leases)> Extractors = new(ReferenceEqualityComparer.Instance);
    private static readonly Histogram<double> Stages = Meter.CreateHistogram<double>("spade.stage.duration", "ms", "Time per stage of an image: decode, extract (on the device), extracted (with queue and way), retrieve, gate, match, merge, smooth, regions");
    private static readonly Counter<long> Sent = Meter.CreateCounter<long>("spade.sent", "By", "Payload bytes between silos, by kind");

    public static readonly ActivitySource Activities = new(Name);

    internal static readonly Histogram<int> BatchSize = Meter.CreateHistogram<int>("spade.extractor.batch", "{image}");
    internal static readonly Counter<long> LeaseHits = Meter.CreateCounter<long>("spade.lease.hits"), LeaseMisses = Meter.CreateCounter<long>("spade.lease.misses");
    internal static readonly Counter<long> Retries = Meter.CreateCounter<long>("spade.retries", "{call}", "Calls repeated because a silo was lost");

    static SpadeMeter()
    {
        Meter.CreateObservableGauge("spade.extractor.queue", () => Extractors.Values.Sum(e => e.Queue.Waiting), "{image}");
        Meter.CreateObservableGauge("spade.lease.count", () => Extractors.Values.Sum(e => e.Leases.Count));
        Meter.CreateObservableGauge("spade.lease.bytes", () => Extractors.Values.Sum(e => e.Leases.Bytes), "By");
    }

    internal static void Stage(string stage, double milliseconds) => Stages.Record(milliseconds, new KeyValuePair<string, object?>("stage", stage));

    internal static void CountSent(string kind, long bytes) => Sent.Add(bytes, new KeyValuePair<string, object?>("kind", kind));

    internal static void Watch(object owner, ExtractionQueue queue, PyramidLeases leases) => Extractors[owner] = (queue, leases);

    internal static void Unwatch(object owner) => Extractors.TryRemove(owner, out _);
}
