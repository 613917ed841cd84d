using System.Text.Json.Serialization;
using SpadeCluster.Scoring;

namespace SpadeCluster.Client;

/// <summary>Which decisions to find; null does not limit.</summary>
/// <param name="Verdict">"good", "review" or "defect".</param>
/// <param name="Since">Included.</param>
/// <param name="Until">Not included.</param>
/// <param name="SerialNumber">Exact, or with * for any characters.</param>
/// <param name="Feedback">Only decisions with this feedback, which was not taken back.</param>
/// <param name="ShadowDiffers">Only decisions that a shadow version scored too: with another verdict, or (false) with the same.</param>
public sealed record RemoteDecisionFilter(string? Category = null, string? Line = null, string? Verdict = null,
    DateTimeOffset? Since = null, DateTimeOffset? Until = null, string? SerialNumber = null, string? Shift = null,
    RemoteFeedbackKind? Feedback = null, bool? ShadowDiffers = null);

/// <summary>A decision in a server's log.</summary>
/// <param name="Id">Ascending in the order of the log.</param>
/// <param name="Caller">Name and key of the caller that sent the photograph.</param>
/// <param name="Digest">Hex SHA-256 of the photograph's file.</param>
/// <param name="Pictures">Whether photograph and map are kept.</param>
/// <param name="Feedback">The valid feedback on it; null: none.</param>
/// <param name="Shadow">What the shadow version said; null: nothing.</param>
public sealed record RemoteDecision(long Id, DateTimeOffset Time, string Line, string? SerialNumber, string? Batch, string? Shift,
    string? Operator, string Caller, string Digest, string Preprocessing, ImageScore Score, bool Pictures, RemoteFeedbackKind? Feedback,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] RemoteShadowScore? Shadow = null);

/// <summary>A page of decisions, the newest first.</summary>
/// <param name="Next">The token of the next page; null: this is the last one.</param>
public sealed record RemoteDecisionPage(IReadOnlyList<RemoteDecision> Decisions, string? Next);

/// <summary>How many decisions have each verdict.</summary>
/// <param name="None">Without a verdict: the category had no thresholds.</param>
public sealed record RemoteVerdictCounts(long Good, long Review, long Defect, long None);

/// <summary>The counts of one step of time.</summary>
public sealed record RemoteCountedTime(DateTimeOffset Start, RemoteVerdictCounts Counts);

/// <summary>The counts of a shift.</summary>
/// <param name="Shift">Null: photographs that named no shift.</param>
public sealed record RemoteCountedShift(string? Shift, RemoteVerdictCounts Counts);

/// <summary>Counted decisions.</summary>
/// <param name="Until">Not included.</param>
/// <param name="Step">Length of one of <paramref name="Times"/>; they follow each other from <paramref name="Since"/> on.</param>
/// <param name="Missed">Decisions with the verdict good that people reported as defects.</param>
/// <param name="FalseAlarms">Decisions with the verdict review or defect that people reported as good.</param>
public sealed record RemoteCounts(DateTimeOffset Since, DateTimeOffset Until, TimeSpan Step, RemoteVerdictCounts Total, long Missed,
    long FalseAlarms, IReadOnlyList<RemoteCountedTime> Times, IReadOnlyList<RemoteCountedShift> Shifts);

/// <summary>The kind of a person's feedback on a decision.</summary>
public enum RemoteFeedbackKind
{
    /// <summary>A good part: the photograph is to become one of the gallery's normals.</summary>
    Good,
    /// <summary>A defect, confirmed or missed.</summary>
    Defect,
}

/// <summary>The state of feedback.</summary>
public enum RemoteFeedbackStatus
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
public sealed record RemoteFeedback(long Id, long Decision, DateTimeOffset Time, string Caller, RemoteFeedbackKind Kind, string Note,
    string? ImageId, DateTimeOffset? Undone, string? UndoneBy, RemoteFeedbackStatus Status, string? Why, string? DecidedBy);

/// <summary>Feedback that waits for an engineer, with its decision.</summary>
public sealed record RemoteWaitingFeedback(RemoteFeedback Feedback, RemoteDecision Decision);
