using System.Diagnostics;
using SpadeCluster.Scoring;
using SpadeCluster.Server.Admission;
using SpadeCluster.Server.Decisions;
using SpadeCluster.Server.Shadows;
using SpadeCluster.Server.Telemetry;

namespace SpadeCluster.Server.Scoring;

/// <summary>Scores a photograph and logs the decision, for HTTP, the Open Inference Protocol and gRPC.</summary>
internal sealed class DecisionService(IScoringService scoring, ScoringSlots slots, DecisionLog log, ServerStatistics statistics,
    CategoryStatistics categories, ShadowScoring shadows)
{
    /// <summary>Scores and logs. When this returns, the decision is on the disk.</summary>
    /// <exception cref="SpadeException">As scoring, or InvalidArgument: metadata that cannot be stored.</exception>
    public async Task<(ScoredImage Scored, Decision Decision)> ScoreAsync(string category, SentImage image, string caller,
        CancellationToken cancellationToken)
    {
        var metadata = image.Metadata.Check();
        long start = Stopwatch.GetTimestamp();
        var waited = TimeSpan.Zero;
        ScoredImage scored;
        try
        {
            scored = await slots.RunAsync(caller, () =>
            {
                waited = Stopwatch.GetElapsedTime(start);
                return scoring.ScoreAsync(category, image.Source, cancellationToken);
            }, cancellationToken);
        }
        catch
        {
            categories.RecordFailure(category, Stopwatch.GetElapsedTime(start));
            throw;
        }
        long made = Stopwatch.GetTimestamp();
        // The slot is free again. The decision is logged also if the client has disconnected.
        var decision = await log.AppendAsync(scored, image.File, metadata, caller);
        var total = Stopwatch.GetElapsedTime(start);
        statistics.Record(decision.Score, total, Stopwatch.GetElapsedTime(made));
        categories.Record(decision.Score, total, waited);
        shadows.Offer(decision, image.File, scored.Gallery);
        return (scored, decision);
    }
}
