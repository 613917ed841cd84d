namespace SpadeCluster.Server.Decisions;

/// <summary>What a person says of a decision.</summary>
public enum FeedbackKind
{
    /// <summary>A good part: the photograph is to become one of the gallery's normals.</summary>
    Good,
    /// <summary>A defect, confirmed or missed.</summary>
    Defect,
}

/// <summary>What has become of a word of feedback.</summary>
public enum FeedbackStatus
{
    /// <summary>On record; it asks for no change of the gallery.</summary>
    Noted,
    /// <summary>The photograph is being tried against the thresholds.</summary>
    Checking,
    /// <summary>An engineer has to approve or refuse it; until then it changes nothing.</summary>
    Waiting,
    /// <summary>The photograph is one of the normals.</summary>
    Added,
    /// <summary>An engineer refused it.</summary>
    Refused,
}

/// <summary>One word of feedback.</summary>
/// <param name="ImageId">The normal that it added.</param>
/// <param name="Undone">When it was taken back or refused; null: it stands.</param>
/// <param name="Why">Why it waits for an engineer.</param>
/// <param name="DecidedBy">The engineer who approved or refused it.</param>
public sealed record Feedback(long Id, long Decision, DateTimeOffset Time, string Caller, FeedbackKind Kind, string Note, string? ImageId,
    DateTimeOffset? Undone, string? UndoneBy, FeedbackStatus Status = FeedbackStatus.Noted, string? Why = null, string? DecidedBy = null);

/// <summary>Feedback that waits for an engineer, and the decision that it is about.</summary>
public sealed record WaitingFeedback(Feedback Feedback, Decision Decision);
