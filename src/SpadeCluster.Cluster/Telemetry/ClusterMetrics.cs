using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using SpadeCluster.Cluster.Extraction;
using SpadeCluster.Telemetry;

namespace SpadeCluster.Cluster.Telemetry;

/// <summary>Metrics of the grains of this process, in addition to those of Orleans and ASP.NET Core.</summary>
internal static class ClusterMetrics
{
    private static readonly Meter Meter = new(SpadeMeter.Name);
    private static readonly ConcurrentDictionary<object, (ExtractionQueue Queue, PyramidLeases Leases)> Extractors =
        new(ReferenceEqualityComparer.Instance);
    private static readonly Counter<long> Sent = Meter.CreateCounter<long>("spade.sent", "By", "Payload bytes between silos, by kind");

    public static readonly Histogram<int> BatchSize = Meter.CreateHistogram<int>("spade.extractor.batch", "{image}");
    public static readonly Counter<long> LeaseHits = Meter.CreateCounter<long>("spade.lease.hits");
    public static readonly Counter<long> LeaseMisses = Meter.CreateCounter<long>("spade.lease.misses");
    public static readonly Counter<long> Retries =
        Meter.CreateCounter<long>("spade.retries", "{call}", "Calls repeated because a silo was lost");

    static ClusterMetrics()
    {
        Meter.CreateObservableGauge("spade.extractor.queue", () => Extractors.Values.Sum(e => e.Queue.Waiting), "{image}");
        Meter.CreateObservableGauge("spade.lease.count", () => Extractors.Values.Sum(e => e.Leases.Count));
        Meter.CreateObservableGauge("spade.lease.bytes", () => Extractors.Values.Sum(e => e.Leases.Bytes), "By");
    }

    /// <summary>Creates the instruments, which nothing else does before the first image.</summary>
    public static void Create()
    {
        // The static constructor has done it.
    }

    public static void CountSent(string kind, long bytes) => Sent.Add(bytes, new KeyValuePair<string, object?>("kind", kind));

    public static void Watch(object owner, ExtractionQueue queue, PyramidLeases leases) => Extractors[owner] = (queue, leases);

    public static void Unwatch(object owner) => Extractors.TryRemove(owner, out _);
}
