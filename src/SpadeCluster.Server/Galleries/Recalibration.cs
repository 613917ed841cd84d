using System.Collections.Concurrent;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using SpadeCluster.Galleries;
using SpadeCluster.Scoring;

namespace SpadeCluster.Server.Galleries;

/// <summary>The progress of learning a category's thresholds.</summary>
/// <param name="Problem">Why it ended without thresholds; null: it did not.</param>
public sealed record RecalibrationState(int Done, int Of, string? Problem = null);

/// <summary>A client's addition of normals.</summary>
/// <param name="Caller">The author, for the history.</param>
/// <param name="Calibrate">Whether thresholds are learned afterwards.</param>
/// <param name="Alpha">False-reject rate of the thresholds; null: unchanged.</param>
/// <param name="AsNew">What a new category is built with.</param>
public sealed record Addition(string Category, string Caller, string? Reason = null, bool Calibrate = true, double? Alpha = null,
    NewCategory? AsNew = null);

/// <summary>
/// Changes galleries and learns their thresholds again: while the client waits for an addition, in the background for other changes.
/// Another change stops a running calibration, because its images are no longer current, and a new one is started.
/// </summary>
public sealed partial class Recalibration(IGalleryServices services, IHostApplicationLifetime life, ILogger<Recalibration> logger,
    Security.AuditLog audit, TimeProvider clock)
{
    private static readonly TimeSpan FirstWait = TimeSpan.FromSeconds(1), LongestWait = TimeSpan.FromSeconds(30);

    private readonly ConcurrentDictionary<string, RecalibrationState> _states = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Run> _runs = new(StringComparer.Ordinal);
    private readonly Lock _gate = new();

    /// <summary>Null: no calibration is running, and the current version has thresholds or no attempt was made. A failed attempt is not
    /// reported once there are thresholds, which another server or the command line may have learned.</summary>
    public RecalibrationState? State(GalleryManifest current)
        => _states.GetValueOrDefault(current.Category) is { } state && (state.Problem is null || current.Calibration is null)
        ? state : null;

    /// <summary>Adds normals, then learns thresholds with the previous settings.</summary>
    /// <param name="outcomes">Receives the outcome of each image.</param>
    /// <param name="added">Called when the images are no longer needed.</param>
    /// <param name="calibrated">Receives the number of normals scored so far and in total.</param>
    /// <param name="cancellationToken">Ends the addition. Thresholds are then learned in the background.</param>
    /// <returns>The version that is current afterwards, and the number of images added; null: there is no version.</returns>
    public async Task<(GalleryManifest? Version, int Added)> AddAsync(
        Addition addition, IAsyncEnumerable<ImageSource> images, IProgress<AddOutcome> outcomes, Action added,
        IProgress<(int Done, int Of)> calibrated, CancellationToken cancellationToken)
    {
        var (category, caller) = (addition.Category, addition.Caller);
        var galleries = services.For(caller);
        using var change = await BeginAsync(category);
        var stopped = change.Stopped;
        var settings = stopped ?? await galleries.ReadSettingsAsync(category, cancellationToken);
        if (addition.Alpha is { } alpha) settings = (settings ?? ScoringOptions.Default) with { Alpha = alpha };
        int count = 0;
        bool changed = false;
        try
        {
            var after = await galleries.AddAsync(category, images, new InlineProgress<AddOutcome>(outcome =>
            {
                if (outcome.Status == AddStatus.Added) count++;
                outcomes.Report(outcome);
            }), addition.Reason, addition.AsNew, cancellationToken);
            changed = count > 0;
            added();
            if (changed)
                await AuditAsync(caller, "add", category,
                    $"{count} images{(addition.Reason is null ? "" : $": {addition.Reason}")}, version {after!.Version}");
            if (after is null || !addition.Calibrate || !after.NeedsCalibration()) return (after, count);
            int all = after.Images.Count, last = 0;
            after = await galleries.CalibrateAgainAsync(after, settings,
                new InlineProgress<int>(done => calibrated.Report((last = done, all))), cancellationToken);
            // It may be done before the silo was asked for its progress.
            if (last < all) calibrated.Report((all, all));
            await AuditAsync(caller, "calibrate", category, $"alpha {after.Calibration!.Options.Alpha}, version {after.Version}");
            return (after, count);
        }
        catch when (stopped is not null || (changed && addition.Calibrate))
        {
            // A stopped or unfinished calibration still has to be done.
            Start(category, settings, caller);
            throw;
        }
    }

    /// <summary>Makes a change, then learns thresholds in the background if the new version has none.</summary>
    /// <param name="calibrate">False: the caller learns the thresholds of a successful change.</param>
    public async Task<T> AfterAsync<T>(string category, string caller, Func<ValueTask<T>> change, bool calibrate = true)
    {
        var galleries = services.For(caller);
        using var under = await BeginAsync(category);
        var settings = under.Stopped ?? await SettingsAsync(galleries, category);
        // After a failed change too, because a stopped calibration still has to be done.
        bool again = calibrate || under.Stopped is not null;
        try
        {
            var changed = await change();
            again = calibrate;
            return changed;
        }
        finally
        {
            if (again) await StartIfNeededAsync(galleries, category, settings, caller);
        }
    }

    /// <summary>After a failed change there may be no such category; what the change itself threw says so.</summary>
    private async Task StartIfNeededAsync(IGalleryService galleries, string category, ScoringOptions? settings, string caller)
    {
        try
        {
            if ((await galleries.GetAsync(category, life.ApplicationStopping)).NeedsCalibration()) Start(category, settings, caller);
        }
        catch (SpadeException e) when (e.Error == SpadeError.NotFound)
        {
            // Nothing to learn from.
        }
    }

    /// <summary>Continues the work of a previous server process: learns thresholds of categories that had some before their last
    /// change.</summary>
    public async Task ResumeAsync()
    {
        try
        {
            var galleries = services.For("server");
            foreach (string category in await galleries.ListAsync(life.ApplicationStopping))
            {
                try
                {
                    var current = await galleries.GetAsync(category, life.ApplicationStopping);
                    if (current.NeedsCalibration() && await galleries.ReadSettingsAsync(category, life.ApplicationStopping) is { } settings)
                        Start(category, settings, current.CreatedBy);
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
            // The server is stopping; the next process continues.
        }
    }

    /// <summary>Stops a running calibration or trial and waits for its end.</summary>
    /// <returns>The settings it was using; null: nothing was running.</returns>
    private async Task<ScoringOptions?> StopAsync(string category)
    {
        Run? run;
        lock (_gate)
        {
            if (!_runs.Remove(category, out run)) return null;
        }
        await run.Stop.CancelAsync();
        await run.Work;
        _states.TryRemove(category, out _);
        return run.Settings;
    }

    private async Task<ScoringOptions?> SettingsAsync(IGalleryService galleries, string category)
    {
        try
        {
            return await galleries.ReadSettingsAsync(category, life.ApplicationStopping);
        }
        catch (SpadeException e) when (e.Error == SpadeError.DataLoss)
        {
            // A damaged version must not prevent a rollback.
            return null;
        }
    }

    private void Start(string category, ScoringOptions? settings, string caller)
    {
        lock (_gate)
        {
            // If two changes end at once, one run is enough, because it reads the current version when it starts.
            if (_runs.TryGetValue(category, out var running) && !running.Work.IsCompleted) return;
            var stop = CancellationTokenSource.CreateLinkedTokenSource(life.ApplicationStopping);
            _states[category] = new RecalibrationState(0, 0);
            _runs[category] = new Run(settings, stop, Task.Run(() => RunAsync(category, settings, caller, stop.Token)));
        }
    }

    private async Task RunAsync(string category, ScoringOptions? settings, string caller, CancellationToken stop)
    {
        try
        {
            var after = await CalibrateAsync(category, settings, caller, stop);
            _states.TryRemove(category, out _);
            await AuditAsync(caller, "calibrate", category, $"alpha {after.Calibration!.Options.Alpha}, after a change");
        }
        catch (OperationCanceledException)
        {
            _states.TryRemove(category, out _);
        }
        catch (Exception e)
        {
            // The category's page shows the problem; the next change, or a person, tries again.
            LogFailed(e, category);
            _states[category] = new RecalibrationState(0, 0, e is SpadeException
                ? e.Message : "an unexpected error; the server's log has it");
        }
    }

    /// <summary>Calibrates the current version, and repeats that if the silo was lost.</summary>
    private async Task<GalleryManifest> CalibrateAsync(string category, ScoringOptions? settings, string caller, CancellationToken stop)
    {
        var galleries = services.For(caller);
        for (var wait = FirstWait; ; wait *= 2)
        {
            try
            {
                var current = await galleries.GetAsync(category, stop);
                var progress = new InlineProgress<int>(done => _states[category] = new RecalibrationState(done, current.Images.Count));
                return await galleries.CalibrateAsync(category, settings.FittedTo(current.Images.Count), progress, stop);
            }
            catch (SpadeException e) when (e.Error == SpadeError.Unavailable && wait <= LongestWait)
            {
                LogRepeated(category, e.Message);
                await Task.Delay(wait, clock, stop);
            }
        }
    }

    private Task AuditAsync(string caller, string action, string category, string detail)
        => audit.WriteAsync(caller, action, category, detail);

    [LoggerMessage(Level = LogLevel.Warning, Message = "the galleries could not be checked for missing thresholds")]
    private partial void LogNotResumed(Exception exception);

    [LoggerMessage(Level = LogLevel.Warning, Message = "category {Category} could not be calibrated")]
    private partial void LogFailed(Exception exception, string category);

    [LoggerMessage(Level = LogLevel.Warning, Message = "category {Category} could not be calibrated yet and is tried again: {Reason}")]
    private partial void LogRepeated(string category, string reason);

    private sealed record Run(ScoringOptions? Settings, CancellationTokenSource Stop, Task Work);
}
