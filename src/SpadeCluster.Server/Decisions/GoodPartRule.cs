using SpadeCluster.Scoring;

namespace SpadeCluster.Server.Decisions;

/// <summary>
/// Which photographs may become normals on an operator's word alone: those that the thresholds in force call good, of which nobody said
/// anything else. Whatever lies outside the usual would teach the line to pass parts like it, so an engineer looks at it first.
/// </summary>
internal static class GoodPartRule
{
    /// <summary>How far operators' feedback may move a threshold in total, as a share, from where an engineer last left it.</summary>
    public const double ThresholdShare = 0.05;

    /// <param name="result">The photograph's score by the thresholds in force.</param>
    /// <param name="said">What was ever said of the same photograph.</param>
    /// <returns>Why an engineer has to look first; null: nothing is against it.</returns>
    public static string? Objection(ScoreResult result, IReadOnlyList<Feedback> said)
    {
        if (said.FirstOrDefault(f => f.Kind == FeedbackKind.Defect) is { } defect)
            return $"the same photograph was called a defect by {defect.Caller} (decision {defect.Decision})";
        if (said.FirstOrDefault(f => f.Status == FeedbackStatus.Refused) is { } refused)
            return $"the same photograph was refused by {refused.DecidedBy} (decision {refused.Decision})";
        if (result.Calibration is not { } c) return "the category has no thresholds that it could be compared with";
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
