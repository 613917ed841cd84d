using Microsoft.Extensions.Options;

namespace SpadeCluster.Server.Admission;

/// <summary>
/// Bounds the number of images that are scored at once. An image holds a slot only while it is scored, not while its bytes arrive or its
/// decision is written. Callers take turns, one image each, so that a caller with many waiting images delays another one by one image only.
/// </summary>
public sealed class ScoringSlots(IOptions<AdmissionOptions> options)
{
    private readonly Lock _lock = new();
    private readonly Queue<string> _turns = new();
    private readonly Dictionary<string, Queue<TaskCompletionSource>> _waiting = new(StringComparer.Ordinal);
    private int _free = options.Value.Slots;

    public int Total { get; } = options.Value.Slots;

    public int Busy { get { lock (_lock) return Total - _free; } }

    /// <param name="caller">The caller whose turn it uses.</param>
    public async Task<T> RunAsync<T>(string caller, Func<ValueTask<T>> work, CancellationToken cancellationToken)
    {
        await TakeAsync(caller, cancellationToken);
        try
        {
            // Continued on a pool thread, because scoring may compute on the calling thread.
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
        // A cancelled image stays in its queue until its turn comes, and is skipped then.
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
