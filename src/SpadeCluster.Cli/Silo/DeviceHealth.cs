using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace SpadeCluster.Cli.Silo;

/// <summary>
/// Whether the extractors of this silo's devices still work; its data has provider, device and model of each. A lost device stays lost for
/// this process, so the check is part of liveness too, and an orchestrator restarts the process.
/// </summary>
internal sealed class DeviceHealth(DeviceEngines engines) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        var all = engines.Health.ToList();
        var data = all.Select((h, i) => KeyValuePair.Create($"extractor {i + 1}", (object)h)).ToDictionary();
        return Task.FromResult(all.Find(h => !h.IsHealthy) is { } lost
            ? HealthCheckResult.Unhealthy($"{lost.Device}: {lost.Problem}", data: data)
            : HealthCheckResult.Healthy(string.Join("; ", all.Select(h => h.Note).OfType<string>().Distinct()), data));
    }
}
