using System.Diagnostics;

namespace SpadeCluster.Cluster.Tests.Hosts;

/// <summary>The times of events, in seconds of the machine's monotonic clock.</summary>
internal sealed class Events
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(5);

    private readonly List<double> _times = [];
    private TaskCompletionSource _more = New();

    public static double Now => Seconds(Stopwatch.GetTimestamp());

    public int Count { get { lock (_times) return _times.Count; } }

    public void Add()
    {
        TaskCompletionSource more;
        lock (_times)
        {
            _times.Add(Now);
            (more, _more) = (_more, New());
        }
        more.SetResult();
    }

    /// <summary>Waits for this many more events.</summary>
    /// <param name="source">The task that makes them; its failure ends the wait.</param>
    /// <returns>The time of the last one.</returns>
    public async Task<double> NextAsync(int count, Task source)
    {
        var reached = WhenAsync(Count + count);
        if (await Task.WhenAny(reached, source).WaitAsync(Limit) == source) await source;
        return await reached.WaitAsync(Limit);
    }

    /// <summary>The longest time without an event, from a time on.</summary>
    public double LongestWait(double from)
    {
        lock (_times)
            return _times.Zip(_times.Skip(1)).Where(p => p.Second > from).Max(p => p.Second - Math.Max(p.First, from));
    }

    private async Task<double> WhenAsync(int number)
    {
        while (true)
        {
            Task more;
            lock (_times)
            {
                if (_times.Count >= number) return _times[number - 1];
                more = _more.Task;
            }
            await more;
        }
    }

    private static double Seconds(long timestamp) => (double)timestamp / Stopwatch.Frequency;

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
