using SpadeCluster.Scoring;

namespace SpadeCluster.Server.Notices;

/// <summary>The rules for notices. docs/notices.md has each rule and its false-alarm rate.</summary>
public static class NoticeRules
{
    /// <summary>Number of parts whose defect rate is compared with that of up to <see cref="RateHistory"/> earlier parts.</summary>
    public const int RateParts = 100, RateHistory = 1000;

    /// <summary>The probability below which a defect rate counts as changed.</summary>
    public const double RateProbability = 0.001;

    /// <summary>Number of days that a reported miss is shown.</summary>
    public const int MissDays = 7;

    public static IReadOnlyList<Notice> Of(CategoryFacts facts)
    {
        if (facts.Scoring?.Calibration is not { } c)
            return [new(facts.Category, NoticeCode.NoThresholds, "No version has thresholds, so that parts get no verdict.",
                "Add photographs of good parts, or calibrate."), .. Undelivered(facts)];
        return [.. new[] { Misses(facts, c), Drift(facts, c), Rate(facts), Suspects(facts), Feedback(facts), Normals(facts, c) }
            .OfType<Notice>(), .. Undelivered(facts)];
    }

    private static Notice? Misses(CategoryFacts facts, Calibration c)
    {
        // Without parts that a since lowered threshold finds.
        var missed = facts.Missed.Where(m => m.Score <= (c.Review ?? c.Theta)).ToList();
        if (missed.Count == 0) return null;
        string ids = string.Join(", ", missed.Take(5).Select(m => m.Id)) + (missed.Count > 5 ? " and others" : "");
        return new(facts.Category, NoticeCode.MissedDefects,
            $"{Count(missed.Count, "defect")} that passed as good {(missed.Count == 1 ? "was" : "were")} reported in the last "
            + $"{MissDays} days: "
            + $"{(missed.Count == 1 ? "decision" : "decisions")} {ids}.",
            "Look at them; then lower the threshold on the category's page, or retire normals that look like the defect.");
    }

    private static Notice? Drift(CategoryFacts facts, Calibration c)
    {
        var drift = ScoreDrift.Of(c, facts.Passed);
        return !drift.Drifted ? null : new(facts.Category, NoticeCode.ScoreDrift,
            $"The last {drift.Parts} parts that passed score {(drift.Deviations > 0 ? "higher" : "lower")} than the normals did when the "
            + "thresholds were learned.",
            drift.Deviations > 0 ? "Check lighting, focus and position; if the parts are good, add photographs of them to the normals."
                : "Check lighting and focus: a dark or blurred picture hides defects; if all is well, add photographs of today's parts.");
    }

    private static Notice? Rate(CategoryFacts facts)
    {
        var (recent, before) = (facts.Verdicts.Take(RateParts).ToList(), facts.Verdicts.Skip(RateParts).Take(RateHistory).ToList());
        if (before.Count < RateParts) return null;
        int now = recent.Count(d => d), then = before.Count(d => d);
        if (ExactTest.Probability(now, recent.Count, then, before.Count) >= RateProbability) return null;
        return new(facts.Category, NoticeCode.DefectRate,
            $"{Percent(now, recent.Count)} of the last {recent.Count} parts are defects, of the {before.Count} before "
            + $"{Percent(then, before.Count)}.",
            "Look at the last defects and at the last good parts: the product has changed, or the camera has.");
    }

    private static Notice? Suspects(CategoryFacts facts)
    {
        int waiting = facts.Suspects;
        return waiting == 0 ? null : new(facts.Category, NoticeCode.SuspectsWaiting,
            $"{Count(waiting, "normal")} {(waiting == 1 ? "lies" : "lie")} far outside the others and "
            + $"{(waiting == 1 ? "does" : "do")} not count in the thresholds.",
            "An engineer accepts or retires each on the category's page.");
    }

    private static Notice? Feedback(CategoryFacts facts) => facts.Waiting == 0 ? null : new(facts.Category, NoticeCode.FeedbackWaiting,
        $"{Count(facts.Waiting, "part")} that operators reported as good "
        + $"{(facts.Waiting == 1 ? "waits" : "wait")} for approval.",
        "An engineer approves or refuses each on the category's page.");

    private static Notice? Normals(CategoryFacts facts, Calibration c)
    {
        int needed = (int)Math.Ceiling(1 / c.Options.Alpha - 1 - 1e-9), missing = needed - c.Scores.Count;
        return missing <= 0 ? null : new(facts.Category, NoticeCode.TooFewNormals,
            $"With {c.Scores.Count} normals no threshold can promise {Percent(c.Options.Alpha)} false rejects, only {Percent(c.Rate)}.",
            $"Add {Count(missing, "photograph")} of good parts, or request a higher rate.");
    }

    private static IEnumerable<Notice> Undelivered(CategoryFacts facts)
    {
        if (facts.Undelivered.Count == 0) yield break;
        var each = facts.Undelivered.Select(d => $"for '{d.Destination}' "
            + string.Join(" and ", new[]
            {
                d.Waiting > 0 ? $"{Count((int)d.Waiting, "decision")} {(d.Waiting == 1 ? "waits" : "wait")} since {d.Oldest:u}" : null,
                d.Dead > 0 ? $"{Count((int)d.Dead, "decision")} could not be delivered" : null,
            }.OfType<string>()));
        yield return new(facts.Category, NoticeCode.Undelivered, $"Deliveries: {string.Join("; ", each)}.",
            "'spade outbox list' on the server says why; 'spade outbox retry' sends dead letters again.");
    }

    private static string Percent(double share, double of = 1) => FormattableString.Invariant($"{100 * share / of:0.##} %");

    private static string Count(int count, string noun) => $"{count} {noun}{(count == 1 ? "" : "s")}";
}
