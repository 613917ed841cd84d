namespace SpadeCluster.Cluster.Extraction;

/// <summary>
/// A gateway's estimate of the load of a slot: the number of its own images there, plus that of other gateways by the slot's last answer.
/// Without the latter, two busy gateways would each take the other's device for idle and send half of their images to it.
/// </summary>
internal sealed class SlotLoad(TimeProvider clock)
{
    /// <summary>How long a slot is not asked again after an answer.</summary>
    internal static readonly TimeSpan AskInterval = TimeSpan.FromMilliseconds(100);

    /// <summary>How long an answer is used. A gateway with few images does not ask, and must not use an old answer.</summary>
    internal static readonly TimeSpan AnswerLifetime = TimeSpan.FromSeconds(1);

    /// <summary>How long an image waits for an answer, which usually takes about a millisecond.</summary>
    internal static readonly TimeSpan AnswerTimeout = TimeSpan.FromMilliseconds(50);

    private readonly Lock _lock = new();
    private int _own, _others;
    private long _asked, _answered;
    private Task? _ask;

    /// <summary>Number of this gateway's images there.</summary>
    public int Own => Volatile.Read(ref _own);

    /// <summary>Number of all gateways' images there.</summary>
    public int InFlight
    {
        get
        {
            lock (_lock) return Own + (clock.GetElapsedTime(_answered) < AnswerLifetime ? _others : 0);
        }
    }

    public void Begin() => Interlocked.Increment(ref _own);

    public void End() => Interlocked.Decrement(ref _own);

    /// <summary>Completes when a recent answer is known, or after <see cref="AnswerTimeout"/>.</summary>
    /// <param name="question">Asks the slot for all its images in progress; called once at a time, for all images that wait for the
    /// answer.</param>
    public Task AskAsync(Func<Task<int>> question)
    {
        lock (_lock)
        {
            if (_ask is null || (_ask.IsCompleted && clock.GetElapsedTime(_answered) >= AskInterval))
                (_asked, _ask) = (clock.GetTimestamp(), LearnAsync(question));
            // Images do not each wait for a slot that does not answer.
            var left = AnswerTimeout - clock.GetElapsedTime(_asked);
            return _ask.IsCompleted || left <= TimeSpan.Zero ? Task.CompletedTask : Task.WhenAny(_ask, Task.Delay(left, clock));
        }
    }

    private async Task LearnAsync(Func<Task<int>> question)
    {
        int inFlight = 0;
        try
        {
            inFlight = await question();
        }
        catch (Exception)
        {
            // The calls with images will fail in the same way and report it.
        }
        lock (_lock) (_others, _answered) = (Math.Max(0, inFlight - Own), clock.GetTimestamp());
    }
}
