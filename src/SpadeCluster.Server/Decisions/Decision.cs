using System.Text.Json.Serialization;
using SpadeCluster.Scoring;
using SpadeCluster.Server.Shadows;

namespace SpadeCluster.Server.Decisions;

/// <summary>A logged decision.</summary>
/// <param name="Id">Ascending in the order of the log.</param>
/// <param name="Line">The production line or camera that sent the photograph.</param>
/// <param name="SerialNumber">Of the part; with batch, shift and operator as sent with the photograph.</param>
/// <param name="Caller">The caller's name and key.</param>
/// <param name="Digest">Hex SHA-256 of the photograph's file.</param>
/// <param name="Score">Scores, thresholds, verdict, regions.</param>
/// <param name="Pictures">Whether photograph and map are kept.</param>
/// <param name="Feedback">The feedback on it; null: none.</param>
/// <param name="Shadow">What the shadow version said; null: nothing.</param>
public sealed record Decision(
    long Id, DateTimeOffset Time, string Line, string? SerialNumber, string? Batch, string? Shift, string? Operator, string Caller,
    string Digest, string Preprocessing, ImageScore Score, bool Pictures, FeedbackKind? Feedback = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] ShadowScore? Shadow = null);

/// <summary>A query for decisions, by default the newest first.</summary>
/// <param name="Verdict">"good", "review" or "defect"; null: any.</param>
/// <param name="Since">Included.</param>
/// <param name="Until">Not included.</param>
/// <param name="Before">Only ids below this one: the next page.</param>
/// <param name="Categories">Null: all.</param>
/// <param name="After">Only ids above this one.</param>
/// <param name="SerialNumber">Exact, or with * for any characters; then upper and lower case are the same.</param>
/// <param name="Feedback">Only decisions with this feedback, which was not taken back.</param>
/// <param name="ShadowDiffers">Only decisions that a shadow version scored too: with another verdict, or (false) with the same.</param>
public sealed record DecisionFilter(
    string? Category = null, string? Line = null, string? Verdict = null, DateTimeOffset? Since = null, DateTimeOffset? Until = null,
    long? Before = null, int Limit = 50, IReadOnlyList<string>? Categories = null, long? After = null,
    string? SerialNumber = null, string? Shift = null, FeedbackKind? Feedback = null, bool OldestFirst = false,
    bool? ShadowDiffers = null)
{
    public const int MaxLimit = 1000;
}
