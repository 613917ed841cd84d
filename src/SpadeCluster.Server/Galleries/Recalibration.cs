using System.Collections.Concurrent;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using SpadeCluster.Galleries;
using SpadeCluster.Scoring;

namespace SpadeCluster.Server.Galleries;

/// <summary>How far the learning of a category's thresholds has come.</summary>
/// <param name="Problem">Why it ended without thresholds.</param>
public sealed record RecalibrationState(int Done, int Of, string? Problem = null);

/// <summary>An addition of normals, as a client asks for it.</summary>
/// <param name="Caller">Who adds them, for the record.</param>
/// <param name="Calibrate">Whether thresholds are learnt afterwards.</param>
/// <param name="Alpha">False-reject rate of the thresholds; null: as before.</param>
/// <param name="Sizes">Of some of the photographs, by which those of a new category are cut.</param>
public sealed record Addition(string Category, string Caller, string? Reason = null, bool Calibrate = true, double? Alpha = null,
    IReadOnlyList<(int Width, int Height)>? Sizes = null);

/// <summary>
/// Changes of galleries, and the thresholds that they need then: for additions while the client waits, for other changes in the
/// background. A further change stops a calibration at work, which would hold for the images of before, and it begins anew.
/// </summary>
public sealed partial class Recalibration(IGalleryServices services, IHostApplicationLifetime life, ILogger<Recalibration> logger,
    Security.AuditLog audit)
{
    private static readonly TimeSpan FirstWait = TimeSpan.FromSeconds(1), LongestWait = TimeSpan.FromSeconds(30);

    private readonly ConcurrentDictionary<string, RecalibrationState> _states = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Run> _runs = new(StringComparer.Ordinal);
    private readonly Lock _gate = new();

    /// <summary>Null: nothing is under way, and the current version has thresholds or none were tried. That an attempt failed is
    /// no news once there are some: another server over the same galleries, or the command line, was faster.</summary>
    public RecalibrationState? State(GalleryManifest current)
        => _states.GetValueOrDefault(current.Category) is { } state && (state.Problem is null || current.Calibration is null)
        ? state : null;

    /// <summary>Adds normals, then learns thresholds with the settings of before.</summary>
    /// <param name="outcomes">Gets what became of each image.</param>
    /// <param name="added">Called when the images are no longer needed.</param>
    /// <param name="calibrated">Gets how many normals have been scored, of how many.</param>
    /// <param name="cancellationToken">Ends the addition. Thresholds are then learnt in the background.</param>
    /// <returns>The version that is current then, and how many images were added to it; null: there is none.</returns>
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
            }), addition.Reason, addition.Sizes, cancellationToken);
            changed = count > 0;
            added();
            if (changed)
                await AuditAsync(caller, "add", category,
                    $"{count} images{(addition.Reason is null ? "" : $": {addition.Reason}")}, version {after!.Version}");
            if (after is null || !addition.Calibrate || !after.NeedsCalibration()) return (after, count);
            after = await galleries.CalibrateAgainAsync(after, settings,
                new InlineProgress<int>(done => calibrated.Report((done, after.Images.Count))), cancellationToken);
            await AuditAsync(caller, "calibrate", category, $"alpha {after.Calibration!.Options.Alpha}, version {after.Version}");
            return (after, count);
        }
        catch when (stopped is not null || (changed && addition.Calibrate))
        {
            // What was stopped, or begun, has to be done all the same.
            Start(category, settings, caller);
            throw;
        }
    }

    /// <summary>Makes a change, then learns thresholds in the background if the change has dropped them.</summary>
    /// <param name="calibrate">False: the caller sees to the thresholds of a change that succeeds.</param>
    public async Task<T> AfterAsync<T>(string category, string caller, Func<ValueTask<T>> change, bool calibrate = true)
    {
        var galleries = services.For(caller);
        using var under = await BeginAsync(category);
        var settings = under.Stopped ?? await SettingsAsync(galleries, category);
        // After a failed change too: what was stopped has to be done all the same.
        bool again = calibrate || under.Stopped is not null;
        try
        {
            var changed = await change();
            again = calibrate;
            return changed;
        }
        finally
        {
            if (again && (await galleries.GetAsync(category, life.ApplicationStopping)).NeedsCalibration())
                Start(category, settings, caller);
        }
    }

    /// <summary>Goes on where a server before this one ended: thresholds for categories that had some before their last change.</summary>
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
            // The server ends again already; the next one goes on.
        }
    }

    /// <summary>Stops what is under way and waits until it has let go of the category.</summary>
    /// <returns>The settings it was using; null: nothing was under way.</returns>
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
            // A damaged version must not stop its being rolled back.
            return null;
        }
    }

    private void Start(string category, ScoringOptions? settings, string caller)
    {
        lock (_gate)
        {
            // Two changes may end at once: one run is enough, since it reads the current version when it begins.
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
            // The category's page says what it was; the next change, or a person, tries again.
            LogFailed(e, category);
            _states[category] = new RecalibrationState(0, 0, e is SpadeException
                ? e.Message : "an unexpected error; the server's log has it");
        }
    }

    /// <summary>Calibrates the current version; again where the silo that did it was lost.</summary>
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
                await Task.Delay(wait, stop);
            }
        }
    }

    private Task AuditAsync(string caller, string action, string category, string detail)
        => audit.WriteAsync(caller, action, category, detail);

    [LoggerMessage(Level = LogLevel.Warning, Message = "the galleries could not be looked through for thresholds that are missing")]
    private partial void LogNotResumed(Exception exception);

    [LoggerMessage(Level = LogLevel.Warning, Message = "category {Category} could not be calibrated")]
    private partial void LogFailed(Exception exception, string category);

    [LoggerMessage(Level = LogLevel.Warning, Message = "category {Category} could not be calibrated yet, it is tried again: {Reason}")]
    private partial void LogRepeated(string category, string reason);

    private sealed record Run(ScoringOptions? Settings, CancellationTokenSource Stop, Task Work);
}
