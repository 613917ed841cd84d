namespace SpadeCluster.Server.Deliveries;

/// <summary>Spreads deliveries evenly over time.</summary>
/// <param name="perSecond">Null: no limit.</param>
internal sealed class Pace(double? perSecond, TimeProvider clock)
{
    private readonly Lock _gate = new();
    // Not a time of day, which may be set back: then all deliveries would wait.
    private readonly long _start = clock.GetTimestamp();
    private TimeSpan _next;

    /// <summary>Returns when it is the caller's turn.</summary>
    public Task WaitAsync(CancellationToken cancellationToken)
    {
        if (perSecond is not { } rate) return Task.CompletedTask;
        TimeSpan wait;
        lock (_gate)
        {
            var now = clock.GetElapsedTime(_start);
            if (_next < now) _next = now;
            wait = _next - now;
            _next += TimeSpan.FromSeconds(1 / rate);
        }
        return wait > TimeSpan.Zero ? Task.Delay(wait, clock, cancellationToken) : Task.CompletedTask;
    }
}
