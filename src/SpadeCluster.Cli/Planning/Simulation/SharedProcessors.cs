namespace SpadeCluster.Cli.Planning.Simulation;

/// <summary>
/// Processors that an operating system shares among all threads that can run: as many threads as processors have one each, more have equal
/// shares of them (processor sharing, the limit of short time slices).
/// </summary>
internal sealed class SharedProcessors(EventQueue events, int processors)
{
    /// <summary>By the work that each thread has received when it ends.</summary>
    private readonly PriorityQueue<Action, (double Received, long Number)> _running = new();
    private double _received, _since;
    private long _added, _change;

    /// <summary>The thread that ends next, and the share with which its end was computed.</summary>
    private (long Number, double Share) _next = (-1, 0);

    /// <summary>Runs a thread.</summary>
    /// <param name="seconds">Of a processor.</param>
    /// <param name="done">Runs at its end.</param>
    public void Run(double seconds, Action done)
    {
        Receive();
        _running.Enqueue(done, (_received + seconds, _added++));
        AwaitNext();
    }

    /// <summary>Seconds of a processor that each thread gets in a second.</summary>
    private double Share => Math.Min(1, (double)processors / _running.Count);

    /// <summary>All running threads have received the same since the last change.</summary>
    private void Receive()
    {
        if (_running.Count > 0) _received += (events.Now - _since) * Share;
        _since = events.Now;
    }

    private void AwaitNext()
    {
        if (!_running.TryPeek(out _, out var first)) return;
        var next = (first.Number, Share);
        if (next == _next) return;
        _next = next;
        long change = ++_change;
        events.After(Math.Max(0, (first.Received - _received) / Share), () =>
        {
            // Threads that began or ended since have changed the time.
            if (change != _change) return;
            Receive();
            // By its own end, because rounding must not leave it a rest that is too short for a step of the clock.
            var done = _running.Dequeue();
            _received = Math.Max(_received, first.Received);
            AwaitNext();
            done();
        });
    }
}
