using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using SpadeCluster.Cluster.Placement;

namespace SpadeCluster.Cluster.Galleries;

/// <summary>Removes the data of deleted categories whose time is over, when a gateway starts and every hour. Several gateways may do it at
/// once: the store's lock lets one of them work on a category.</summary>
internal sealed partial class DeletionSweep(ClusterGalleryServices services, SiloProfile profile, TimeProvider clock,
    ILogger<DeletionSweep> logger) : BackgroundService
{
    private static readonly TimeSpan Period = TimeSpan.FromHours(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!profile.Roles.Contains(SiloRole.Gateway)) return;
        using var timer = new PeriodicTimer(Period, clock);
        do await SweepAsync(stoppingToken);
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    internal async Task SweepAsync(CancellationToken cancellationToken)
    {
        try
        {
            foreach (string category in await services.Local("").SweepAsync(cancellationToken)) LogRemoved(category);
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            // No error of the sweep may end the silo.
            LogFailed(e);
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "the data of the deleted category {Category} was removed")]
    private partial void LogRemoved(string category);

    [LoggerMessage(Level = LogLevel.Warning,
        Message = "the data of deleted categories could not be removed; the next attempt is in an hour")]
    private partial void LogFailed(Exception exception);
}
