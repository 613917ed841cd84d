namespace SpadeCluster.Server.Decisions;

/// <summary>The kind of a person's feedback on a decision.</summary>
public enum FeedbackKind
{
    /// <summary>A good part: the photograph is to become one of the gallery's normals.</summary>
    Good,
    /// <summary>A defect, confirmed or missed.</summary>
    Defect,
}

/// <summary>The state of feedback.</summary>
public enum FeedbackStatus
{
    /// <summary>Recorded; it requires no change of the gallery.</summary>
    Noted,
    /// <summary>The effect of the photograph on the thresholds is being checked.</summary>
    Checking,
    /// <summary>An engineer has to approve or refuse it; until then it has no effect.</summary>
    Waiting,
    /// <summary>The photograph is one of the normals.</summary>
    Added,
    /// <summary>An engineer refused it.</summary>
    Refused,
}

/// <summary>Feedback of a person on a decision.</summary>
/// <param name="ImageId">The normal that it added.</param>
/// <param name="Undone">When it was taken back or refused; null: it is valid.</param>
/// <param name="Why">Why it waits for an engineer.</param>
/// <param name="DecidedBy">The engineer who approved or refused it.</param>
public sealed record Feedback(long Id, long Decision, DateTimeOffset Time, string Caller, FeedbackKind Kind, string Note, string? ImageId,
    DateTimeOffset? Undone, string? UndoneBy, FeedbackStatus Status = FeedbackStatus.Noted, string? Why = null, string? DecidedBy = null);

/// <summary>Feedback that waits for an engineer, with its decision.</summary>
public sealed record WaitingFeedback(Feedback Feedback, Decision Decision);
