namespace SpadeCluster.Cluster.Clients;

/// <summary>Repeats the first connection for some time, because a server and its cluster are often started at the same time.</summary>
internal sealed class FirstConnection(TimeProvider clock) : IClientConnectionRetryFilter
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30), BetweenAttempts = TimeSpan.FromMilliseconds(500);
    private readonly long _start = clock.GetTimestamp();

    public async Task<bool> ShouldRetryConnectionAttempt(Exception exception, CancellationToken cancellationToken)
    {
        if (clock.GetElapsedTime(_start) > Limit) return false;
        await Task.Delay(BetweenAttempts, clock, cancellationToken);
        return true;
    }
}
