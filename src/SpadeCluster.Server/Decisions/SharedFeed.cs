using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace SpadeCluster.Server.Decisions;

/// <summary>Tells listeners of the decisions that any server has written to a shared log. Rows appear in the order of their ids, so that
/// looking for newer ones misses none.</summary>
internal sealed partial class SharedFeed(DecisionLog log, DecisionFeed feed, TimeProvider clock, ILogger<SharedFeed> logger)
    : BackgroundService
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(500);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Look, clock);
        long? seen = null;
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                try
                {
                    // With nobody listening there is nothing to tell; a new listener asks for what it missed.
                    seen = seen is { } last && feed.Listeners > 0 ? Tell(last) : log.Newest();
                }
                catch (SpadeException e)
                {
                    LogFailed(e.Message);
                }
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The server ends.
        }
    }

    /// <returns>The newest decision that was told.</returns>
    private long Tell(long last)
    {
        foreach (var decision in log.Find(new DecisionFilter(After: last, Limit: DecisionFilter.MaxLimit)).Reverse())
        {
            feed.Publish(decision);
            last = decision.Id;
        }
        return last;
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "new decisions could not be read: {Problem}")]
    private partial void LogFailed(string problem);
}
