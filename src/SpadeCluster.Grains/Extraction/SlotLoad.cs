namespace SpadeCluster.Grains.Extraction;

/// <summary>
/// How busy one slot is, as a gateway knows it: its own images there, counted, and those of other gateways, as the slot said
/// when it was last asked. Without the latter two busy gateways would each take the other's device for idle, and send each
/// other half of their images.
/// </summary>
internal sealed class SlotLoad(TimeProvider clock)
{
    /// <summary>How long an answer is good enough not to ask again.</summary>
    internal static readonly TimeSpan Fresh = TimeSpan.FromMilliseconds(100);

    /// <summary>How long images wait for an answer; it comes in about a millisecond, from a slot that is well.</summary>
    internal static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(250);

    private readonly Lock _lock = new();
    private int _own, _others;
    private Task? _ask;
    private long _asked;

    /// <summary>This gateway's images there.</summary>
    public int Own => Volatile.Read(ref _own);

    /// <summary>Everybody's.</summary>
    public int InWork => Own + Volatile.Read(ref _others);

    public void Begin() => Interlocked.Increment(ref _own);

    public void End() => Interlocked.Decrement(ref _own);

    /// <summary>Completes when it is known how busy the slot is, or was lately; at the latest when patience ends. Then, or when
    /// the question fails, what was known stays.</summary>
    /// <param name="question">All images that the slot has in work. One question at a time, whoever waits for its answer.</param>
    public Task AskAsync(Func<Task<int>> question)
    {
        lock (_lock)
        {
            var age = _ask is null ? TimeSpan.MaxValue : clock.GetElapsedTime(_asked);
            if (_ask is null || (_ask.IsCompleted && age >= Fresh)) (_ask, _asked, age) = (LearnAsync(question), clock.GetTimestamp(), TimeSpan.Zero);
            // A slot that does not answer is waited for once, not by every image.
            return age < Patience && !_ask.IsCompleted ? Task.WhenAny(_ask, Task.Delay(Patience - age, clock)) : Task.CompletedTask;
        }
    }

    private async Task LearnAsync(Func<Task<int>> question)
    {
        try
        {
            int inWork = await question();
            Volatile.Write(ref _others, Math.Max(0, inWork - Own));
        }
        catch (Exception)
        {
            // Whatever it is, the calls that carry images will meet it, and say it.
        }
    }
}
