namespace SpadeCluster.Cli.Planning.Simulation;

/// <summary>Simulated time. Actions run in order of their time, and those of the same time in the order in which they were
/// added.</summary>
internal sealed class EventQueue
{
    private readonly PriorityQueue<Action, (double Time, long Number)> _events = new();
    private long _added;

    /// <summary>Seconds since the beginning.</summary>
    public double Now { get; private set; }

    /// <param name="delay">Seconds from now.</param>
    public void After(double delay, Action action) => _events.Enqueue(action, (Now + delay, _added++));

    /// <summary>Runs all actions, and those that they add.</summary>
    public void Run()
    {
        while (_events.TryDequeue(out var action, out var at))
        {
            Now = at.Time;
            action();
        }
    }
}
