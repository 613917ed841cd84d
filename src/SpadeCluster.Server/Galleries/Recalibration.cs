using System.Collections.Concurrent;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using SpadeCluster.Scoring;
using SpadeCluster.Server.Security;

namespace SpadeCluster.Server.Galleries;

/// <summary>How far the learning of a category's thresholds has come.</summary>
/// <param name="Problem">Why it ended without thresholds.</param>
public sealed record RecalibrationState(int Done, int Of, string? Problem = null);

/// <summary>
/// Learns thresholds in the background after a gallery has changed, one category at a time; a further change while one is at
/// work makes it run once more.
/// </summary>
public sealed partial class Recalibration(ServerParts parts, AuditLog audit, IHostApplicationLifetime life, ILogger<Recalibration> logger)
{
    private readonly ConcurrentDictionary<string, RecalibrationState> _states = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (ScoringOptions? Options, string Caller)> _wanted = new(StringComparer.Ordinal);
    private readonly Lock _gate = new();
    private bool _running;

    /// <summary>Null: nothing is under way, and the last attempt went well.</summary>
    public RecalibrationState? State(string category) => _states.GetValueOrDefault(category);

    /// <param name="options">The settings to keep; null: those of the last one asked for, or the defaults.</param>
    public void Start(string category, ScoringOptions? options, string caller)
    {
        lock (_gate)
        {
            _wanted[category] = (options ?? (_wanted.TryGetValue(category, out var before) ? before.Options : null), caller);
            _states[category] = new RecalibrationState(0, 0);
            if (_running) return;
            _running = true;
        }
        _ = Task.Run(RunAsync);
    }

    private async Task RunAsync()
    {
        while (Next() is var (category, options, caller))
        {
            try
            {
                var galleries = parts.Galleries(caller);
                var current = await galleries.GetAsync(category, life.ApplicationStopping);
                if (current.Calibration is null && current.Images.Count > 1)
                {
                    options = Fitted(options, current.Images.Count);
                    await galleries.CalibrateAsync(category, options, new InlineProgress<int>(done => _states[category] = new RecalibrationState(done, current.Images.Count)), life.ApplicationStopping);
                    await audit.WriteAsync(caller, "calibrate", category, $"alpha {options.Alpha}, after a change");
                }
                lock (_gate) if (!_wanted.ContainsKey(category)) _states.TryRemove(category, out _);
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (Exception e)
            {
                // Whatever it was is told on the category's page; the next change, or a person, tries again.
                LogFailed(e, category);
                _states[category] = new RecalibrationState(0, 0, e is SpadeException ? e.Message : "an unexpected error; the server's log has it");
            }
        }
    }

    /// <summary>Settings for a gallery that may be smaller than their neighbours.</summary>
    public static ScoringOptions Fitted(ScoringOptions? options, int images)
    {
        options ??= ScoringOptions.DefaultFor(images);
        return options with { GateNeighbours = Math.Min(options.GateNeighbours, images), GalleryNeighbours = options.GalleryNeighbours is { } k ? Math.Min(k, images) : null };
    }

    private (string Category, ScoringOptions? Options, string Caller)? Next()
    {
        lock (_gate)
        {
            if (_wanted.Count == 0)
            {
                _running = false;
                return null;
            }
            var (category, (options, caller)) = _wanted.First();
            _wanted.Remove(category);
            return (category, options, caller);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "category {Category} could not be calibrated")]
    private partial void LogFailed(Exception exception, string category);
}
