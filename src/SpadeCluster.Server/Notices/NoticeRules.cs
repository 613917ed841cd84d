using SpadeCluster.Scoring;
using SpadeCluster.Server.Console;
using SpadeCluster.Server.Deliveries;

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
            return [Told(facts, NoticeCode.NoThresholds, new("Notice.NoThresholds"), new("Notice.NoThresholds.Next")),
                .. Undelivered(facts)];
        return [.. new[] { Misses(facts, c), Drift(facts, c), Rate(facts), Suspects(facts), Feedback(facts), Normals(facts, c) }
            .OfType<Notice>(), .. Undelivered(facts)];
    }

    private static Notice? Misses(CategoryFacts facts, Calibration c)
    {
        // Without parts that a since lowered threshold finds.
        var missed = facts.Missed.Where(m => m.Score <= (c.Review ?? c.Theta)).ToList();
        if (missed.Count == 0) return null;
        string ids = string.Join(", ", missed.Take(5).Select(m => m.Id));
        return Told(facts, NoticeCode.MissedDefects, LocalText.Counted("Notice.Missed", missed.Count, MissDays,
            missed.Count > 5 ? new LocalText("Notice.Missed.More", ids) : ids), new("Notice.Missed.Next"));
    }

    private static Notice? Drift(CategoryFacts facts, Calibration c)
    {
        var drift = ScoreDrift.Of(c, facts.Passed);
        if (!drift.Drifted) return null;
        string key = drift.Deviations > 0 ? "Notice.Drift.Up" : "Notice.Drift.Down";
        return Told(facts, NoticeCode.ScoreDrift, new(key, drift.Parts), new($"{key}.Next"));
    }

    private static Notice? Rate(CategoryFacts facts)
    {
        var (recent, before) = (facts.Verdicts.Take(RateParts).ToList(), facts.Verdicts.Skip(RateParts).Take(RateHistory).ToList());
        if (before.Count < RateParts) return null;
        int now = recent.Count(d => d), then = before.Count(d => d);
        if (ExactTest.Probability(now, recent.Count, then, before.Count) >= RateProbability) return null;
        return Told(facts, NoticeCode.DefectRate, new("Notice.Rate", Percent(now, recent.Count), recent.Count, before.Count,
            Percent(then, before.Count)), new("Notice.Rate.Next"));
    }

    private static Notice? Suspects(CategoryFacts facts) => facts.Suspects == 0 ? null : Told(facts,
        NoticeCode.SuspectsWaiting, LocalText.Counted("Notice.Suspects", facts.Suspects), new("Notice.Suspects.Next"));

    private static Notice? Feedback(CategoryFacts facts) => facts.Waiting == 0 ? null : Told(facts,
        NoticeCode.FeedbackWaiting, LocalText.Counted("Notice.Feedback", facts.Waiting), new("Notice.Feedback.Next"));

    private static Notice? Normals(CategoryFacts facts, Calibration c)
    {
        int needed = (int)Math.Ceiling(1 / c.Options.Alpha - 1 - 1e-9), missing = needed - c.Scores.Count;
        return missing <= 0 ? null : Told(facts, NoticeCode.TooFewNormals,
            new("Notice.Normals", c.Scores.Count, Percent(c.Options.Alpha), Percent(c.Rate)),
            LocalText.Counted("Notice.Normals.Next", missing));
    }

    private static IEnumerable<Notice> Undelivered(CategoryFacts facts)
    {
        if (facts.Undelivered.Count == 0) yield break;
        LocalText[] each = [.. facts.Undelivered.Select(d => new LocalText("Notice.Undelivered.For", d.Destination, State(d)))];
        yield return Told(facts, NoticeCode.Undelivered, new("Notice.Undelivered", [each]), new("Notice.Undelivered.Next"));
    }

    private static LocalText State(OutboxState d)
    {
        var waits = LocalText.Counted("Notice.Undelivered.Waits", d.Waiting, d.Oldest!);
        var dead = LocalText.Counted("Notice.Undelivered.Dead", d.Dead);
        return d.Dead == 0 ? waits : d.Waiting == 0 ? dead : new("Notice.Undelivered.And", waits, dead);
    }

    private static Notice Told(CategoryFacts facts, NoticeCode code, LocalText sentence, LocalText next)
        => new(facts.Category, code, sentence, next);

    private static double Percent(double share, double of = 1) => 100 * share / of;
}
