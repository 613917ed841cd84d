using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace SpadeCluster.Cli.Silo;

/// <summary>Healthy: an active member of the cluster that is not stopping.</summary>
internal sealed class SiloHealth(IClusterMembershipService membership, ILocalSiloDetails silo, IHostApplicationLifetime lifetime)
    : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        if (lifetime.ApplicationStopping.IsCancellationRequested) return Task.FromResult(HealthCheckResult.Unhealthy("draining"));
        var status = membership.CurrentSnapshot.GetSiloStatus(silo.SiloAddress);
        return Task.FromResult(status == SiloStatus.Active
            ? HealthCheckResult.Healthy() : HealthCheckResult.Unhealthy($"silo is {status}"));
    }
}
