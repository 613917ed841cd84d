using SpadeCluster.Scoring;

namespace SpadeCluster.Server.Galleries;

public sealed partial class Recalibration
{
    // Running changes per category, and the signal that one has ended; guarded by _gate.
    private readonly Dictionary<string, int> _changing = new(StringComparer.Ordinal);
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Announces a change: running work in the category is stopped first, and no trial starts there until the change is
    /// disposed.</summary>
    public async Task<Change> BeginAsync(string category)
    {
        lock (_gate) _changing[category] = _changing.GetValueOrDefault(category) + 1;
        var change = new Change(() => End(category));
        try
        {
            change.Stopped = await StopAsync(category);
            return change;
        }
        catch
        {
            change.Dispose();
            throw;
        }
    }

    /// <summary>Runs a trial while nobody changes the category. A change cancels it; it is then repeated after the change and its
    /// calibration.</summary>
    /// <param name="attempt">Must leave the category unchanged if it is cancelled or fails.</param>
    public async Task<T> TryAloneAsync<T>(string category, Func<CancellationToken, Task<T>> attempt)
    {
        while (true)
        {
            var stop = CancellationTokenSource.CreateLinkedTokenSource(life.ApplicationStopping);
            var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            var run = new Run(null, stop, done.Task);
            Task? busy;
            lock (_gate)
            {
                busy = _changing.ContainsKey(category) ? _changed.Task
                    : _runs.TryGetValue(category, out var other) && !other.Work.IsCompleted ? other.Work : null;
                if (busy is null) _runs[category] = run;
            }
            if (busy is not null)
            {
                await busy.WaitAsync(life.ApplicationStopping);
                continue;
            }
            try
            {
                return await attempt(stop.Token);
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested && !life.ApplicationStopping.IsCancellationRequested)
            {
                // A change was announced earlier.
            }
            finally
            {
                lock (_gate)
                {
                    if (_runs.GetValueOrDefault(category) == run) _runs.Remove(category);
                }
                done.SetResult();
            }
        }
    }

    private void End(string category)
    {
        TaskCompletionSource changed;
        lock (_gate)
        {
            if (--_changing[category] == 0) _changing.Remove(category);
            (changed, _changed) = (_changed, new(TaskCreationOptions.RunContinuationsAsynchronously));
        }
        changed.SetResult();
    }

    /// <summary>An announced change.</summary>
    public sealed class Change(Action end) : IDisposable
    {
        /// <summary>The settings of the calibration that it stopped; null: none was running.</summary>
        public ScoringOptions? Stopped { get; internal set; }

        public void Dispose() => end();
    }
}
