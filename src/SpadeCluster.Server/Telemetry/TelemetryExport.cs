using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;
using SpadeCluster.Server.Security;
using SpadeCluster.Telemetry;

namespace SpadeCluster.Server.Telemetry;

/// <summary>
/// OpenTelemetry of one process: metrics for Prometheus at <see cref="Path"/>, and metrics and traces sent to the address in the standard
/// variable OTEL_EXPORTER_OTLP_ENDPOINT, if that is set. Measures from its creation on.
/// </summary>
public sealed class TelemetryExport : IDisposable
{
    public const string Path = "/metrics";

    /// <summary>Policy: a key for all categories. Metrics name categories and count their verdicts.</summary>
    internal const string AllCategories = "AllCategories";

    private static readonly string[] Meters =
        [SpadeMeter.Name, "Microsoft.Orleans", "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel", "System.Runtime"];
    private static readonly string[] Sources =
        [SpadeMeter.Name, "Microsoft.AspNetCore", "Microsoft.Orleans.Application", "Microsoft.Orleans.Runtime"];

    private readonly MeterProvider _metrics;
    private readonly TracerProvider? _traces;

    /// <param name="service">Name of the service.</param>
    /// <param name="instance">Name of the instance; null: there is only one.</param>
    public TelemetryExport(string service, string? instance = null)
    {
        var resource = ResourceBuilder.CreateDefault().AddService(service, serviceInstanceId: instance);
        var metrics = Sdk.CreateMeterProviderBuilder().SetResourceBuilder(resource).AddMeter(Meters).AddPrometheusExporter();
        if (!string.IsNullOrEmpty(Environment.GetEnvironmentVariable("OTEL_EXPORTER_OTLP_ENDPOINT")))
        {
            metrics.AddOtlpExporter();
            _traces = Sdk.CreateTracerProviderBuilder().SetResourceBuilder(resource).AddSource(Sources).AddOtlpExporter().Build();
        }
        _metrics = metrics.Build();
    }

    /// <summary>Serves the metrics to anybody who reaches this port, and to nobody at the application's other ports.</summary>
    public void Serve(WebApplication app, int port) =>
        app.UseOpenTelemetryPrometheusScrapingEndpoint(_metrics,
            context => context.Connection.LocalPort == port && context.Request.Path == Path, null, null, null);

    /// <summary>Sends the remaining data.</summary>
    public void Dispose()
    {
        _metrics.Dispose();
        _traces?.Dispose();
    }

    /// <summary>Maps the metrics for viewers with a key for all categories.</summary>
    internal static void Map(WebApplication app) => app
        .MapPrometheusScrapingEndpoint(Path, app.Services.GetRequiredService<TelemetryExport>()._metrics, null, null)
        .WithMetadata(new HttpMethodMetadata([HttpMethods.Get])).RequireAuthorization(nameof(Role.Viewer), AllCategories);
}
