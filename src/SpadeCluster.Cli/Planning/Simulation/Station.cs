namespace SpadeCluster.Cli.Planning.Simulation;

/// <summary>Threads of a program that run as soon as they have something to do, or devices with one queue in order of arrival.</summary>
internal sealed class Station
{
    private readonly Queue<(double Seconds, Action Done)> _waiting = new();
    private readonly Action<double, Action> _run;
    private readonly int _servers;
    private int _busy;

    /// <summary>Threads. A silo's pool has many more than processors, so no job waits for one.</summary>
    /// <param name="processors">They share them, also with those of other stations.</param>
    public Station(SharedProcessors processors) => (_run, _servers) = (processors.Run, int.MaxValue);

    /// <param name="servers">Devices; each serves one job at a time.</param>
    public Station(EventQueue events, int servers) => (_run, _servers) = (events.After, servers);

    /// <summary>Seconds of service so far of jobs that ended, over all servers.</summary>
    public double BusySeconds { get; private set; }

    /// <summary>Serves a job when a server is free.</summary>
    /// <param name="seconds">Time of service; of a thread, that of a whole processor.</param>
    /// <param name="done">Runs at its end.</param>
    public void Serve(double seconds, Action done)
    {
        if (_busy < _servers) Begin(seconds, done);
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
        _run(seconds, () =>
        {
            _busy--;
            BusySeconds += seconds;
            if (_waiting.TryDequeue(out var next)) Begin(next.Seconds, next.Done);
            done();
        });
    }
}
