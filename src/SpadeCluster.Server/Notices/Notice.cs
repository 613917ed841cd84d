namespace SpadeCluster.Server.Notices;

/// <summary>What a notice is about; docs/notices.md describes each.</summary>
public enum NoticeCode
{
    /// <summary>No version has thresholds: there are no verdicts.</summary>
    NoThresholds,
    /// <summary>People called parts defects that pass as good.</summary>
    MissedDefects,
    /// <summary>Good parts score otherwise than the normals did when thresholds were learnt.</summary>
    ScoreDrift,
    /// <summary>The share of defects has changed.</summary>
    DefectRate,
    /// <summary>Normals far outside the others wait for an engineer.</summary>
    SuspectsWaiting,
    /// <summary>Good parts that operators fed back wait for an engineer.</summary>
    FeedbackWaiting,
    /// <summary>The false-reject rate asked for cannot be promised with so few normals.</summary>
    TooFewNormals,
}

/// <summary>Something about a category that a person should act on.</summary>
/// <param name="Sentence">What is the case.</param>
/// <param name="Next">What to do about it.</param>
public sealed record Notice(string Category, NoticeCode Code, string Sentence, string Next);

/// <summary>Whether a notice has come, says something new, or has gone.</summary>
public enum NoticeState
{
    Raised,
    Changed,
    Cleared,
}

/// <summary>A notice that has come, changed or gone: one JSON object, complete in itself, fit to be posted to a webhook.</summary>
public sealed record NoticeEvent(NoticeState State, DateTimeOffset Time, string Category, NoticeCode Code, string Sentence, string Next)
{
    public static NoticeEvent Of(NoticeState state, DateTimeOffset time, Notice n)
        => new(state, time, n.Category, n.Code, n.Sentence, n.Next);
}
