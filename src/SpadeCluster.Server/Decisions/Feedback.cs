namespace SpadeCluster.Server.Decisions;

/// <summary>What a person says of a decision.</summary>
public enum FeedbackKind
{
    /// <summary>A good part: the photograph goes into the gallery's normals.</summary>
    Good,
    /// <summary>A defect, confirmed.</summary>
    Defect,
}

/// <summary>One word of feedback.</summary>
/// <param name="ImageId">The normal that it added.</param>
/// <param name="Undone">When it was taken back; null: it stands.</param>
public sealed record Feedback(long Id, long Decision, DateTimeOffset Time, string Caller, FeedbackKind Kind, string Note, string? ImageId,
    DateTimeOffset? Undone, string? UndoneBy);
