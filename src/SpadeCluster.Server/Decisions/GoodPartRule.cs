using SpadeCluster.Scoring;

namespace SpadeCluster.Server.Decisions;

/// <summary>
/// Decides which photographs may become normals by an operator's feedback alone: those with the verdict good, without other feedback. An
/// unusual part would teach the line to pass parts like it, so an engineer has to decide about it.
/// </summary>
internal static class GoodPartRule
{
    /// <summary>How much operators' feedback may change a threshold in total, as a share of the value that an engineer last
    /// confirmed.</summary>
    public const double ThresholdShare = 0.05;

    /// <param name="result">The photograph's score by the present thresholds.</param>
    /// <param name="said">All feedback on the same photograph.</param>
    /// <returns>Why an engineer has to decide; null: no reason.</returns>
    public static string? Objection(ScoreResult result, IReadOnlyList<Feedback> said)
    {
        if (said.FirstOrDefault(f => f.Kind == FeedbackKind.Defect) is { } defect)
            return $"the same photograph was called a defect by {defect.Caller} (decision {defect.Decision})";
        if (said.FirstOrDefault(f => f.Status == FeedbackStatus.Refused) is { } refused)
            return $"the same photograph was refused by {refused.DecidedBy} (decision {refused.Decision})";
        if (result.Calibration is not { } c) return "the category has no thresholds to compare it with";
        string score = FormattableString.Invariant($"it scores {result.Score:G4}");
        double limit = ThresholdEstimate.SuspectLimit(c.Scores);
        if (result.Score > limit)
            return FormattableString.Invariant($"{score}, far outside the normals: beyond {limit:G4} it is a suspect");
        return result.Verdict switch
        {
            Verdict.Defect => FormattableString.Invariant($"{score}, a defect by theta {c.Theta:G4}"),
            Verdict.Review => FormattableString.Invariant($"{score}, above the review threshold {c.Review:G4}"),
            _ => null,
        };
    }
}
