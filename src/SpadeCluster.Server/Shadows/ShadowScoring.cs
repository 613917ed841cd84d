using System.Threading.Channels;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using SpadeCluster.Galleries;
using SpadeCluster.Scoring;
using SpadeCluster.Server.Admission;
using SpadeCluster.Server.Decisions;
using SpadeCluster.Server.Hosting;
using SpadeCluster.Server.Telemetry;

namespace SpadeCluster.Server.Shadows;

/// <summary>
/// Scores the photographs of logged decisions with their category's shadow version, one at a time, in slots that no photograph of a line
/// needs (<see cref="ScoringSlots.RunYieldingAsync"/>). Under load photographs are dropped and counted.
/// </summary>
internal sealed partial class ShadowScoring(ShadowService shadows, ShadowLog log, IVersionScoring scoring, ScoringSlots slots,
    ServerMetrics metrics, TimeProvider clock, ILogger<ShadowScoring> logger) : BackgroundService
{
    /// <summary>Photographs that may wait, and their bytes; one may wait whatever its size.</summary>
    private const int MostWaiting = 16;
    private const long MostBytes = 32L << 20;

    /// <summary>How often a photograph is begun that yields its slot each time.</summary>
    private const int Attempts = 3;

    private static readonly TimeSpan TimeLimit = TimeSpan.FromSeconds(30);

    /// <summary>How often the shadows that other servers began or ended are read.</summary>
    private static readonly TimeSpan RefreshTime = TimeSpan.FromSeconds(2);

    private readonly Channel<Func<CancellationToken, Task>> _waiting =
        Channel.CreateBounded<Func<CancellationToken, Task>>(new BoundedChannelOptions(MostWaiting) { SingleReader = true });
    private long _bytes;

    /// <summary>Lets the category's shadow, if there is one, score a decision's photograph later. Returns at once.</summary>
    /// <param name="deciding">The version that decided.</param>
    public void Offer(Decision decision, byte[] file, GalleryManifest deciding)
    {
        if (shadows.Of(decision.Score.Category) is not { } shadow) return;
        if (shadow.Share < 1 && Random.Shared.NextDouble() >= shadow.Share) return;
        long bytes = Interlocked.Add(ref _bytes, file.Length);
        if ((bytes <= MostBytes || bytes == file.Length) && _waiting.Writer.TryWrite(TakeAsync)) return;
        Interlocked.Add(ref _bytes, -file.Length);
        Drop(shadow);

        async Task TakeAsync(CancellationToken stopping)
        {
            Interlocked.Add(ref _bytes, -file.Length);
            // It may have ended or been replaced meanwhile.
            if (shadows.Of(shadow.Category) == shadow) await ScoreAsync(shadow, decision, file, deciding, stopping);
        }
    }

    /// <summary>Completes when all photographs that wait now have been scored or dropped.</summary>
    internal async Task CatchUpAsync()
    {
        var done = new TaskCompletionSource();
        await _waiting.Writer.WriteAsync(_ =>
        {
            done.SetResult();
            return Task.CompletedTask;
        });
        await done.Task;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var refreshing = RefreshAsync(stoppingToken);
        await foreach (var take in _waiting.Reader.ReadAllAsync(stoppingToken))
        {
            try
            {
                await take(stoppingToken);
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
            {
                // The next photograph may succeed.
                LogUnexpected(e);
            }
        }
        await refreshing;
    }

    private async Task ScoreAsync(Shadow shadow, Decision decision, byte[] file, GalleryManifest deciding, CancellationToken stopping)
    {
        using var late = new CancellationTokenSource(TimeLimit, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stopping, late.Token);
        var source = new ImageSource(decision.Score.File, file);
        for (int attempt = 1; attempt <= Attempts; attempt++)
        {
            try
            {
                var scored = await slots.RunYieldingAsync(c => scoring.ScoreAsync(shadow.Category, shadow.Version, source, c),
                    either.Token);
                if (await shadows.EndIfDecidingAsync(shadow, scored.Gallery, deciding)) return;
                await log.RecordAsync(decision.Id, ImageScore.Of(scored));
                metrics.Shadowed(shadow.Category, "scored");
                shadows.Report(shadow, null);
                return;
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                return;
            }
            catch (OperationCanceledException) when (!late.IsCancellationRequested)
            {
                // A photograph of a line needed the slot.
            }
            catch (OperationCanceledException)
            {
                break;
            }
            catch (SpadeException e) when (e.Error == SpadeError.NotFound)
            {
                await shadows.EndAsync(shadow, "server", e.Message);
                return;
            }
            catch (SpadeException e)
            {
                LogFailed(e, decision.Id, shadow.Version);
                metrics.Shadowed(shadow.Category, "failed");
                shadows.Report(shadow, Problems.DetailOf(e, shadow.Category));
                return;
            }
        }
        Drop(shadow);
    }

    private void Drop(Shadow shadow)
    {
        metrics.Shadowed(shadow.Category, "dropped");
        shadows.Drop(shadow);
    }

    private async Task RefreshAsync(CancellationToken stopping)
    {
        using var timer = new PeriodicTimer(RefreshTime, clock);
        try
        {
            do
            {
                try
                {
                    shadows.Refresh();
                }
                catch (SpadeException)
                {
                    // Readiness reports a database that cannot be read.
                }
            }
            while (await timer.WaitForNextTickAsync(stopping));
        }
        catch (OperationCanceledException)
        {
            // The server stops.
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "the photograph of decision {Decision} was not scored with version {Version}")]
    private partial void LogFailed(Exception exception, long decision, int version);

    [LoggerMessage(Level = LogLevel.Error, Message = "a photograph could not be scored with the shadow version")]
    private partial void LogUnexpected(Exception exception);
}
