namespace SpadeCluster.Cluster.Extraction;

/// <summary>
/// How busy one slot is, as a gateway knows it: its own images there, counted, and those of other gateways, as the slot said
/// when it was last asked. Without the latter two busy gateways would each take the other's device for idle, and send each
/// other half of their images.
/// </summary>
internal sealed class SlotLoad(TimeProvider clock)
{
    /// <summary>How long an answer is good enough not to ask again.</summary>
    internal static readonly TimeSpan Fresh = TimeSpan.FromMilliseconds(100);

    /// <summary>How long an answer counts. Who has little to do does not ask, and should not go by what was once.</summary>
    internal static readonly TimeSpan Memory = TimeSpan.FromSeconds(1);

    /// <summary>How long an image waits for an answer, which comes in about a millisecond from a slot that is well.</summary>
    internal static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(50);

    private readonly Lock _lock = new();
    private int _own, _others;
    private long _asked, _answered;
    private Task? _ask;

    /// <summary>This gateway's images there.</summary>
    public int Own => Volatile.Read(ref _own);

    /// <summary>Everybody's.</summary>
    public int InWork
    {
        get
        {
            lock (_lock) return Own + (clock.GetElapsedTime(_answered) < Memory ? _others : 0);
        }
    }

    public void Begin() => Interlocked.Increment(ref _own);

    public void End() => Interlocked.Decrement(ref _own);

    /// <summary>Completes when it is known how busy the slot is, or was a moment ago; at the latest when patience ends.</summary>
    /// <param name="question">All images that the slot has in work. One question at a time, whoever waits for its answer.</param>
    public Task AskAsync(Func<Task<int>> question)
    {
        lock (_lock)
        {
            if (_ask is null || (_ask.IsCompleted && clock.GetElapsedTime(_answered) >= Fresh))
                (_asked, _ask) = (clock.GetTimestamp(), LearnAsync(question));
            // A slot that does not answer is waited for once, not by every image.
            var left = Patience - clock.GetElapsedTime(_asked);
            return _ask.IsCompleted || left <= TimeSpan.Zero ? Task.CompletedTask : Task.WhenAny(_ask, Task.Delay(left, clock));
        }
    }

    private async Task LearnAsync(Func<Task<int>> question)
    {
        int inWork = 0;
        try
        {
            inWork = await question();
        }
        catch (Exception)
        {
            // Whatever it is, the calls that carry images will meet it, and say it.
        }
        lock (_lock) (_others, _answered) = (Math.Max(0, inWork - Own), clock.GetTimestamp());
    }
}
