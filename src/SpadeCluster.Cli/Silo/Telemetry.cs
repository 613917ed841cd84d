using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;
using SpadeCluster.Telemetry;

namespace SpadeCluster.Cli.Silo;

/// <summary>OpenTelemetry, exported to the address in the standard variable OTEL_EXPORTER_OTLP_ENDPOINT, if that is set.</summary>
/// <param name="service">Name of the service.</param>
/// <param name="instance">Name of the instance; null: there is only one.</param>
internal sealed class Telemetry(string service, string? instance, IConfiguration configuration) : IHostedService, IDisposable
{
    private static readonly string[] Meters =
        [SpadeMeter.Name, "Microsoft.Orleans", "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel", "System.Runtime"];
    private static readonly string[] Sources =
        [SpadeMeter.Name, "Microsoft.AspNetCore", "Microsoft.Orleans.Application", "Microsoft.Orleans.Runtime"];

    private IDisposable? _metrics, _traces;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        if (string.IsNullOrEmpty(configuration["OTEL_EXPORTER_OTLP_ENDPOINT"])) return Task.CompletedTask;
        var resource = ResourceBuilder.CreateDefault().AddService(service, serviceInstanceId: instance);
        _metrics = Sdk.CreateMeterProviderBuilder().SetResourceBuilder(resource).AddMeter(Meters).AddOtlpExporter().Build();
        _traces = Sdk.CreateTracerProviderBuilder().SetResourceBuilder(resource).AddSource(Sources).AddOtlpExporter().Build();
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Sends the remaining data.</summary>
    public void Dispose()
    {
        _metrics?.Dispose();
        _traces?.Dispose();
    }
}
