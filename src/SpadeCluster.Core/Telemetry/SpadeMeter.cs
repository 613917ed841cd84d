using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace SpadeCluster.Telemetry;

/// <summary>The name of all SpadeCluster's metrics and traces, and the measurements of an image that all hosts share.</summary>
public static class SpadeMeter
{
    public const string Name = "SpadeCluster";

    public static readonly ActivitySource Activities = new(Name);

    private static readonly Meter Meter = new(Name);
    private static readonly Histogram<double> Stages = Meter.CreateHistogram<double>("spade.stage.duration", "ms",
        "Time per stage of an image: decode, extract (on the device), extracted (with queue and transfer), retrieve, gate, match, "
        + "merge, smooth, regions");

    public static void Stage(string stage, double milliseconds) =>
        Stages.Record(milliseconds, new KeyValuePair<string, object?>("stage", stage));
}
