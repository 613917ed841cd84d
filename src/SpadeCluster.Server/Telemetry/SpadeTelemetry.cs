using System.Diagnostics;
using System.Diagnostics.Metrics;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;
using SpadeCluster.Scoring;
using SpadeCluster.Server.Scoring;
using SpadeCluster.Server.Storage;

namespace SpadeCluster.Server.Telemetry;

/// <summary>The names of the cluster's metrics and traces, measured in this process.</summary>
public sealed class SpadeTelemetry : IDisposable
{
    public const string Name = "SpadeCluster";

    public static readonly ActivitySource Activities = new(Name);

    private readonly Meter _meter = new(Name);
    private readonly Histogram<double> _stages, _requests, _log;
    private readonly Counter<long> _decisions;
    private readonly MeterProvider? _metrics;
    private readonly TracerProvider? _traces;
    private readonly bool _hostMeasures;

    /// <summary>Exports by OTLP where the standard variables say where to.</summary>
    public SpadeTelemetry(ServerOptions options, ServerParts parts, Admission admission, ServerDatabase database)
    {
        _hostMeasures = options.HostTelemetry;
        _stages = _meter.CreateHistogram<double>("spade.stage.duration", "ms", "Time per stage of an image");
        _requests = _meter.CreateHistogram<double>("spade.score.duration", "ms", "From a photograph's arrival to its logged decision");
        _log = _meter.CreateHistogram<double>("spade.log.duration", "ms", "From a decision to its being on the disk");
        _decisions = _meter.CreateCounter<long>("spade.decisions", "{image}");
        _meter.CreateObservableGauge("spade.admitted", () => admission.Admitted, "{image}");
        _meter.CreateObservableCounter("spade.refused", () => (long)admission.Refused, "{image}");
        _meter.CreateObservableGauge("spade.log.queue", () => database.Waiting);
        if (parts.Open is { } open)
        {
            _meter.CreateObservableGauge("spade.galleries.open", () => open.Count, "{gallery}");
            _meter.CreateObservableGauge("spade.galleries.memory", () => open.Bytes, "By", "Memory that open galleries may take");
            _meter.CreateObservableCounter("spade.galleries.opened", () => open.Opened, "{gallery}");
        }
        if (options.HostTelemetry || Environment.GetEnvironmentVariable("OTEL_EXPORTER_OTLP_ENDPOINT") is not { Length: > 0 }) return;
        var resource = ResourceBuilder.CreateDefault().AddService("spade-server");
        _metrics = Sdk.CreateMeterProviderBuilder().SetResourceBuilder(resource).AddMeter(Name, "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel").AddOtlpExporter().Build();
        _traces = Sdk.CreateTracerProviderBuilder().SetResourceBuilder(resource).AddSource(Name, "Microsoft.AspNetCore").AddOtlpExporter().Build();
    }

    internal void Record(ImageScore score, TimeSpan total, TimeSpan logging)
    {
        var category = new KeyValuePair<string, object?>("category", score.Category);
        if (!_hostMeasures) Stages(score.Milliseconds);
        _requests.Record(total.TotalMilliseconds, category);
        _log.Record(logging.TotalMilliseconds);
        _decisions.Add(1, category, new("verdict", score.PredLabel switch { true => "anomalous", false => "normal", null => "none" }));
    }

    public void Dispose()
    {
        _metrics?.Dispose();
        _traces?.Dispose();
        _meter.Dispose();
    }

    private void Stages(StageTimes times)
    {
        Stage("decode", times.Prepare);
        Stage("extract", times.Extract);
        Stage("retrieve", times.Retrieve);
        Stage("match", times.Match);
        Stage("smooth", times.Map);
    }

    private void Stage(string stage, double milliseconds) => _stages.Record(milliseconds, new KeyValuePair<string, object?>("stage", stage));
}
