namespace SpadeCluster.Client;

/// <summary>The time limit of a call with all its retries. It restarts when the server answers.</summary>
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

    /// <summary>Removes the limit until the next restart.</summary>
    public void Remove() => _deadline.CancelAfter(Timeout.InfiniteTimeSpan);

    public void Dispose()
    {
        _either.Dispose();
        _deadline.Dispose();
    }
}
