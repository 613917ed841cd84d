using Microsoft.Extensions.Options;

namespace SpadeCluster.Server.Admission;

/// <summary>
/// Bounds the images that are scored at once. An image holds a slot only while it is scored, never while its bytes arrive or its
/// decision is written. Callers take turns, one image each: what one of them has waiting delays another by one image, however much
/// it is.
/// </summary>
public sealed class ScoringSlots(IOptions<AdmissionOptions> options)
{
    private readonly Lock _lock = new();
    private readonly Queue<string> _turns = new();
    private readonly Dictionary<string, Queue<TaskCompletionSource>> _waiting = new(StringComparer.Ordinal);
    private int _free = options.Value.Slots;

    public int Total { get; } = options.Value.Slots;

    public int Busy { get { lock (_lock) return Total - _free; } }

    /// <param name="caller">Whose turn it takes.</param>
    public async Task<T> RunAsync<T>(string caller, Func<ValueTask<T>> work, CancellationToken cancellationToken)
    {
        await TakeAsync(caller, cancellationToken);
        try
        {
            // On a pool thread: scoring may compute on the thread that calls it.
            return await Task.Run(async () => await work(), cancellationToken);
        }
        finally
        {
            Release();
        }
    }

    private async Task TakeAsync(string caller, CancellationToken cancellationToken)
    {
        var turn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_lock)
        {
            if (_free > 0)
            {
                _free--;
                return;
            }
            if (!_waiting.TryGetValue(caller, out var line))
            {
                _waiting[caller] = line = new Queue<TaskCompletionSource>();
                _turns.Enqueue(caller);
            }
            line.Enqueue(turn);
        }
        // One that gave up stays in its line until its turn comes, and is passed over then.
        await using var _ = cancellationToken.Register(() => turn.TrySetCanceled(cancellationToken));
        await turn.Task;
    }

    private void Release()
    {
        lock (_lock)
        {
            while (_turns.TryDequeue(out string? caller))
            {
                var line = _waiting[caller];
                var turn = line.Dequeue();
                if (line.Count > 0) _turns.Enqueue(caller);
                else _waiting.Remove(caller);
                if (turn.TrySetResult()) return;
            }
            _free++;
        }
    }
}
