using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace SpadeCluster.Server.Decisions;

/// <summary>Sends listeners the decisions of all servers in a shared log. Rows appear in the order of their ids, so reading those with
/// higher ids misses none.</summary>
internal sealed partial class SharedFeed(DecisionLog log, DecisionFeed feed, TimeProvider clock, ILogger<SharedFeed> logger)
    : BackgroundService
{
    private static readonly TimeSpan BetweenReads = TimeSpan.FromMilliseconds(500);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(BetweenReads, clock);
        long? seen = null;
        try
        {
            do
            {
                try
                {
                    seen = Next(seen);
                }
                catch (SpadeException e)
                {
                    LogFailed(e.Message);
                }
            }
            while (await timer.WaitForNextTickAsync(stoppingToken));
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The server stops.
        }
    }

    /// <summary>Without listeners nothing is sent; a new listener requests the decisions it missed.</summary>
    private long Next(long? seen) => seen is { } last && feed.Listeners > 0 ? Tell(last) : Skip(seen, log.Newest);

    /// <returns>The decision up to which listeners know all.</returns>
    internal long Skip(long? seen, Func<long> readNewest)
    {
        long newest = readNewest();
        // A listener that came during the reading must get what it read over.
        return seen is { } before && feed.Listeners > 0 ? before : newest;
    }

    /// <returns>The newest decision that was sent.</returns>
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
