using System.Collections.Concurrent;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace SpadeCluster.Server.TestSets;

/// <summary>Work in the background, one for each category: a new one stops the one that runs. The last state of each stays in memory until
/// the server stops.</summary>
/// <param name="end">The state of work that ended early, with the reason.</param>
internal sealed partial class CategoryRuns<T>(Func<T, string, T> end, IHostApplicationLifetime life, ILogger logger) where T : class
{
    private readonly ConcurrentDictionary<string, T> _states = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, Run> _runs = new(StringComparer.Ordinal);

    /// <summary>The last state; null: there was no work.</summary>
    public T? Find(string category) => _states.GetValueOrDefault(category);

    /// <summary>The running work, to wait for; completed: none runs.</summary>
    public Task EndAsync(string category) => _runs.TryGetValue(category, out var run) ? run.Work : Task.CompletedTask;

    /// <param name="work">Its states, until it ends.</param>
    public async Task StartAsync(string category, T begin, Func<CancellationToken, IAsyncEnumerable<T>> work)
    {
        var run = new Run(CancellationTokenSource.CreateLinkedTokenSource(life.ApplicationStopping));
        Run? before = null;
        _runs.AddOrUpdate(category, run, (_, other) =>
        {
            before = other;
            return run;
        });
        if (before is not null) await before.Stop.CancelAsync();
        _states[category] = begin;
        run.Start(() => RunAsync(category, begin, work, run));
    }

    private async Task RunAsync(string category, T state, Func<CancellationToken, IAsyncEnumerable<T>> work, Run run)
    {
        try
        {
            await foreach (var next in work(run.Stop.Token)) Show(state = next);
        }
        catch (OperationCanceledException) when (run.Stop.IsCancellationRequested)
        {
            // Other work took its place, or the server stops.
        }
        catch (Exception e)
        {
            LogFailed(e, category);
            Show(end(state, e is SpadeException ? e.Message : "an unexpected error; the server's log has it"));
        }

        void Show(T shown)
        {
            // Work that was replaced must not cover the new one.
            if (_runs.GetValueOrDefault(category) == run) _states[category] = shown;
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "a test of category {Category} over many photographs failed")]
    private partial void LogFailed(Exception exception, string category);

    private sealed class Run(CancellationTokenSource stop)
    {
        public CancellationTokenSource Stop => stop;
        public Task Work { get; private set; } = Task.CompletedTask;

        public void Start(Func<Task> work) => Work = Task.Run(work);
    }
}
