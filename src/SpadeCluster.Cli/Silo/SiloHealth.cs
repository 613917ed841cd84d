using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace SpadeCluster.Cli.Silo;

/// <summary>Ready: an active member of the cluster that is not on its way out.</summary>
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
