using SpadeCluster.Server.Console;

namespace SpadeCluster.Server.Notices;

/// <summary>The kinds of notices; docs/notices.md describes each.</summary>
public enum NoticeCode
{
    /// <summary>No version has thresholds: there are no verdicts.</summary>
    NoThresholds,
    /// <summary>Parts that pass as good were reported as defects.</summary>
    MissedDefects,
    /// <summary>Good parts have other scores than the normals when thresholds were learned.</summary>
    ScoreDrift,
    /// <summary>The share of defects has changed.</summary>
    DefectRate,
    /// <summary>Normals far outside the others wait for an engineer.</summary>
    SuspectsWaiting,
    /// <summary>Operators' feedback on good parts waits for an engineer.</summary>
    FeedbackWaiting,
    /// <summary>The requested false-reject rate cannot be promised with so few normals.</summary>
    TooFewNormals,
    /// <summary>Decisions wait long for their delivery, or could not be delivered.</summary>
    Undelivered,
}

/// <summary>A message about a category that requires a person's action.</summary>
/// <param name="Sentence">The situation.</param>
/// <param name="Next">What to do about it.</param>
public sealed record Notice(string Category, NoticeCode Code, string Sentence, string Next)
{
    internal Notice(string category, NoticeCode code, LocalText sentence, LocalText next)
        : this(category, code, sentence.English, next.English) => Texts = (sentence, next);

    /// <summary>Both for pages, in the reader's language.</summary>
    internal (LocalText Sentence, LocalText Next) Texts { get; }
}

/// <summary>Whether a notice was raised, changed or cleared.</summary>
public enum NoticeState
{
    Raised,
    Changed,
    Cleared,
}

/// <summary>A notice that was raised, changed or cleared: a complete JSON object, for example for a webhook.</summary>
public sealed record NoticeEvent(NoticeState State, DateTimeOffset Time, string Category, NoticeCode Code, string Sentence, string Next)
{
    public static NoticeEvent Of(NoticeState state, DateTimeOffset time, Notice n)
        => new(state, time, n.Category, n.Code, n.Sentence, n.Next);
}
