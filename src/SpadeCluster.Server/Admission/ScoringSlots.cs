using Microsoft.Extensions.Options;

namespace SpadeCluster.Server.Admission;

/// <summary>
/// Bounds the number of images that are scored at once. An image holds a slot only while it is scored, not while its bytes arrive or its
/// decision is written. Callers take turns, one image each, so that a caller with many waiting images delays another one by one image only.
/// Work that yields has a slot only while no image needs it.
/// </summary>
public sealed class ScoringSlots(IOptions<AdmissionOptions> options)
{
    private readonly Lock _lock = new();
    private readonly Queue<string> _turns = new();
    private readonly Dictionary<string, Queue<TaskCompletionSource>> _waiting = new(StringComparer.Ordinal);

    /// <summary>Work that yields: what waits for a free slot, and what has one.</summary>
    private readonly Queue<TaskCompletionSource> _patient = new();
    private readonly List<CancellationTokenSource> _yielding = [];
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
            lock (_lock) Release();
        }
    }

    /// <summary>Waits for a slot that no image needs, and runs work in it. When an image needs the slot, it gets it at once, and the work
    /// is cancelled.</summary>
    /// <exception cref="OperationCanceledException">An image needed the slot, or the caller's token was cancelled.</exception>
    public async Task<T> RunYieldingAsync<T>(Func<CancellationToken, ValueTask<T>> work, CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        while (!TryTake(stop, out var free))
            await free.WaitAsync(cancellationToken);
        try
        {
            return await Task.Run(async () => await work(stop.Token), stop.Token);
        }
        finally
        {
            // If it is no longer there, an image has its slot.
            lock (_lock)
                if (_yielding.Remove(stop)) Release();
        }
    }

    private async Task TakeAsync(string caller, CancellationToken cancellationToken)
    {
        var turn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        CancellationTokenSource? yielding = null;
        lock (_lock)
        {
            if (_free > 0)
            {
                _free--;
                return;
            }
            if (_yielding.Count > 0)
            {
                yielding = _yielding[^1];
                _yielding.RemoveAt(_yielding.Count - 1);
            }
            else
            {
                if (!_waiting.TryGetValue(caller, out var line))
                {
                    _waiting[caller] = line = new Queue<TaskCompletionSource>();
                    _turns.Enqueue(caller);
                }
                line.Enqueue(turn);
            }
        }
        if (yielding is not null)
        {
            Cancel(yielding);
            return;
        }
        // A cancelled image stays in its queue until its turn comes, and is skipped then.
        await using var _ = cancellationToken.Register(() => turn.TrySetCanceled(cancellationToken));
        await turn.Task;
    }

    /// <param name="free">Otherwise: completes when a slot may be free.</param>
    private bool TryTake(CancellationTokenSource stop, out Task free)
    {
        var turn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        free = turn.Task;
        lock (_lock)
        {
            if (_free > 0)
            {
                _free--;
                _yielding.Add(stop);
                return true;
            }
            _patient.Enqueue(turn);
            return false;
        }
    }

    /// <summary>Called under the lock.</summary>
    private void Release()
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
        while (_patient.TryDequeue(out var patient)) patient.SetResult();
    }

    private static void Cancel(CancellationTokenSource yielding)
    {
        try
        {
            // Its callbacks run on the thread pool, because the image must not wait for them.
            _ = yielding.CancelAsync();
        }
        catch (ObjectDisposedException)
        {
            // The work has just ended.
        }
    }
}
