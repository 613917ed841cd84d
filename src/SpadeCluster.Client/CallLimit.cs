namespace SpadeCluster.Client;

/// <summary>The time a call has, with all its retries. A call that is heard of gets it anew.</summary>
internal sealed class CallLimit : IDisposable
{
    private readonly TimeSpan _time;
    private readonly CancellationTokenSource _deadline, _either;

    public CallLimit(TimeSpan time, TimeProvider clock, CancellationToken cancellationToken)
    {
        (_time, _deadline) = (time, new CancellationTokenSource(time, clock));
        _either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _deadline.Token);
    }

    public CancellationToken Token => _either.Token;

    public bool HasPassed => _deadline.IsCancellationRequested;

    public void Restart() => _deadline.CancelAfter(_time);

    /// <summary>No limit until it is restarted.</summary>
    public void Remove() => _deadline.CancelAfter(Timeout.InfiniteTimeSpan);

    public void Dispose()
    {
        _either.Dispose();
        _deadline.Dispose();
    }
}
