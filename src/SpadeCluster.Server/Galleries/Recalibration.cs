using System.Collections.Concurrent;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using SpadeCluster.Galleries;
using SpadeCluster.Scoring;
using SpadeCluster.Server.Security;

namespace SpadeCluster.Server.Galleries;

/// <summary>How far the learning of a category's thresholds has come.</summary>
/// <param name="Problem">Why it ended without thresholds.</param>
public sealed record RecalibrationState(int Done, int Of, string? Problem = null);

/// <summary>
/// Learns thresholds in the background after a gallery has changed. A further change stops one at work, which would hold for
/// the images of before, and it begins anew.
/// </summary>
public sealed partial class Recalibration(ServerParts parts, AuditLog audit, IHostApplicationLifetime life, ILogger<Recalibration> logger)
{
    private readonly ConcurrentDictionary<string, RecalibrationState> _states = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Run> _runs = new(StringComparer.Ordinal);
    private readonly Lock _gate = new();

    /// <summary>Null: nothing is under way, and the current version has thresholds or none were tried. That an attempt failed is
    /// no news once there are some: another server over the same galleries, or the command line, was faster.</summary>
    public RecalibrationState? State(GalleryManifest current)
        => _states.GetValueOrDefault(current.Category) is { } state && (state.Problem is null || current.Calibration is null) ? state : null;

    /// <summary>Makes a change, then learns thresholds with the settings of before if the change has dropped them.</summary>
    public async Task<T> AfterAsync<T>(string category, string caller, Func<ValueTask<T>> change)
    {
        var galleries = parts.Galleries(caller);
        var options = await StopAsync(category) ?? await LearntAsync(galleries, category);
        try
        {
            return await change();
        }
        finally
        {
            // After a failed change too: what was stopped has to be done all the same.
            if ((await galleries.GetAsync(category, life.ApplicationStopping)) is { Calibration: null, Images.Count: > 1 }) Start(category, options, caller);
        }
    }

    /// <summary>Goes on where a server before this one ended: thresholds for categories that had some before their last change.</summary>
    public async Task ResumeAsync()
    {
        try
        {
            var galleries = parts.Galleries("server");
            foreach (string category in await galleries.ListAsync(life.ApplicationStopping))
            {
                try
                {
                    var current = await galleries.GetAsync(category, life.ApplicationStopping);
                    if (current is not { Calibration: null, Images.Count: > 1 }) continue;
                    if (await galleries.LearntOptionsAsync(category, life.ApplicationStopping) is { } options) Start(category, options, current.CreatedBy);
                }
                catch (SpadeException e)
                {
                    LogFailed(e, category);
                }
            }
        }
        catch (Exception e) when (!life.ApplicationStopping.IsCancellationRequested)
        {
            LogNotResumed(e);
        }
        catch (OperationCanceledException)
        {
            // The server ends again already; the next one goes on.
        }
    }

    /// <summary>Stops what is under way and waits until it has let go of the category.</summary>
    /// <returns>The settings it was using; null: nothing was under way.</returns>
    public async Task<ScoringOptions?> StopAsync(string category)
    {
        Run? run;
        lock (_gate)
        {
            if (!_runs.Remove(category, out run)) return null;
        }
        await run.Stop.CancelAsync();
        await run.Work;
        _states.TryRemove(category, out _);
        return run.Options;
    }

    private async Task<ScoringOptions?> LearntAsync(IGalleryService galleries, string category)
    {
        try
        {
            return await galleries.LearntOptionsAsync(category, life.ApplicationStopping);
        }
        catch (SpadeException e) when (e.Error == SpadeError.DataLoss)
        {
            // A damaged version must not stop its being rolled back.
            return null;
        }
    }

    private void Start(string category, ScoringOptions? options, string caller)
    {
        lock (_gate)
        {
            // Two changes may end at once: one run is enough, since it reads the current version when it begins.
            if (_runs.TryGetValue(category, out var running) && !running.Work.IsCompleted) return;
            var stop = CancellationTokenSource.CreateLinkedTokenSource(life.ApplicationStopping);
            _states[category] = new RecalibrationState(0, 0);
            _runs[category] = new Run(options, stop, Task.Run(() => RunAsync(category, options, caller, stop.Token)));
        }
    }

    private async Task RunAsync(string category, ScoringOptions? options, string caller, CancellationToken stop)
    {
        try
        {
            var galleries = parts.Galleries(caller);
            var current = await galleries.GetAsync(category, stop);
            options = Fitted(options, current.Images.Count);
            await galleries.CalibrateAsync(category, options, new InlineProgress<int>(done => _states[category] = new RecalibrationState(done, current.Images.Count)), stop);
            _states.TryRemove(category, out _);
            await audit.WriteAsync(caller, "calibrate", category, $"alpha {options.Alpha}, after a change");
        }
        catch (OperationCanceledException)
        {
            _states.TryRemove(category, out _);
        }
        catch (Exception e)
        {
            // Whatever it was is told on the category's page; the next change, or a person, tries again.
            LogFailed(e, category);
            _states[category] = new RecalibrationState(0, 0, e is SpadeException ? e.Message : "an unexpected error; the server's log has it");
        }
    }

    /// <summary>Settings for a gallery that may be smaller than their neighbours.</summary>
    public static ScoringOptions Fitted(ScoringOptions? options, int images)
    {
        options ??= ScoringOptions.DefaultFor(images);
        return options with { GateNeighbours = Math.Min(options.GateNeighbours, images), GalleryNeighbours = options.GalleryNeighbours is { } k ? Math.Min(k, images) : null };
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "the galleries could not be looked through for thresholds that are missing")]
    private partial void LogNotResumed(Exception exception);

    [LoggerMessage(Level = LogLevel.Warning, Message = "category {Category} could not be calibrated")]
    private partial void LogFailed(Exception exception, string category);

    private sealed record Run(ScoringOptions? Options, CancellationTokenSource Stop, Task Work);
}
