using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using SpadeCluster.Server.Galleries;

namespace SpadeCluster.Server.Decisions;

/// <summary>Deletes old decisions, pictures and files of snapshots when the server starts, and every hour.</summary>
public sealed partial class DecisionSweep(DecisionLog log, ServerOptions options, TimeProvider clock, ILogger<DecisionSweep> logger)
    : IHostedService
{
    private static readonly TimeSpan Period = TimeSpan.FromHours(1);

    private ITimer? _timer;

    /// <summary>The running sweep, or the last one.</summary>
    internal Task Last { get; private set; } = Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _timer = clock.CreateTimer(_ => Last = SweepAsync(), null, TimeSpan.Zero, Period);
        return Task.CompletedTask;
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        if (_timer is not null) await _timer.DisposeAsync();
        await Last;
    }

    private async Task SweepAsync()
    {
        try
        {
            await log.DropOldAsync();
            SnapshotEndpoint.DropOld(options, clock);
        }
        catch (Exception e) when (e is SpadeException or IOException or UnauthorizedAccessException)
        {
            LogFailed(e);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "old decisions or snapshots could not be deleted; the next attempt is in an hour")]
    private partial void LogFailed(Exception exception);
}
