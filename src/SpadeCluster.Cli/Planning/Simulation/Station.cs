namespace SpadeCluster.Cli.Planning.Simulation;

/// <summary>Servers with one queue in order of arrival: the processors of a silo, or its devices.</summary>
/// <param name="servers">Jobs served at the same time.</param>
internal sealed class Station(EventQueue events, int servers)
{
    private readonly Queue<(double Seconds, Action Done)> _waiting = new();
    private int _busy;

    /// <summary>Jobs served or waiting.</summary>
    public int Load => _busy + _waiting.Count;

    /// <summary>Seconds of service so far, over all servers.</summary>
    public double BusySeconds { get; private set; }

    /// <summary>Serves a job when a server is free.</summary>
    /// <param name="seconds">Time of service.</param>
    /// <param name="done">Runs at its end.</param>
    public void Serve(double seconds, Action done)
    {
        if (_busy < servers) Begin(seconds, done);
        else _waiting.Enqueue((seconds, done));
    }

    /// <summary>Serves a job in equal parts, which several servers can serve at the same time.</summary>
    /// <param name="seconds">Time of service of all parts together.</param>
    /// <param name="done">Runs at the end of the last part.</param>
    public void Serve(double seconds, int parts, Action done)
    {
        int left = parts;
        for (int i = 0; i < parts; i++)
            Serve(seconds / parts, () =>
            {
                if (--left == 0) done();
            });
    }

    private void Begin(double seconds, Action done)
    {
        _busy++;
        events.After(seconds, () =>
        {
            _busy--;
            BusySeconds += seconds;
            if (_waiting.TryDequeue(out var next)) Begin(next.Seconds, next.Done);
            done();
        });
    }
}
