using System.Diagnostics;
using SpadeCluster.Scoring;
using SpadeCluster.Server.Admission;
using SpadeCluster.Server.Decisions;
using SpadeCluster.Server.Telemetry;

namespace SpadeCluster.Server.Scoring;

/// <summary>Scores a photograph and logs the decision, for HTTP, the Open Inference Protocol and gRPC.</summary>
internal sealed class DecisionService(IScoringService scoring, ScoringSlots slots, DecisionLog log, ServerStatistics statistics)
{
    /// <summary>Scores and logs. When this returns, the decision is on the disk.</summary>
    /// <exception cref="SpadeException">As scoring, or InvalidArgument: metadata that cannot be stored.</exception>
    public async Task<(ScoredImage Scored, Decision Decision)> ScoreAsync(string category, SentImage image, string caller,
        CancellationToken cancellationToken)
    {
        var metadata = image.Metadata.Check();
        long start = Stopwatch.GetTimestamp();
        var scored = await slots.RunAsync(caller, () => scoring.ScoreAsync(category, image.Source, cancellationToken), cancellationToken);
        long made = Stopwatch.GetTimestamp();
        // The slot is free again. The decision is logged also if the client has disconnected.
        var decision = await log.AppendAsync(scored, image.File, metadata, caller);
        statistics.Record(decision.Score, Stopwatch.GetElapsedTime(start), Stopwatch.GetElapsedTime(made));
        return (scored, decision);
    }
}
