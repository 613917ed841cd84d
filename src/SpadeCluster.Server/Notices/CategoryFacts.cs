using SpadeCluster.Galleries;
using SpadeCluster.Server.Decisions;
using SpadeCluster.Server.Deliveries;

namespace SpadeCluster.Server.Notices;

/// <summary>The data for notices about a category.</summary>
/// <param name="Scoring">The version with thresholds that images are scored with; null: there is none.</param>
/// <param name="Passed">Raw scores of the last parts that are not defects by the thresholds that an engineer last confirmed, newest
/// first.</param>
/// <param name="Verdicts">Whether each of the last parts was a defect, by the same thresholds, newest first.</param>
/// <param name="Missed">Parts of the last days with feedback "defect", with their raw scores, newest first.</param>
/// <param name="Suspects">Suspects that wait for an engineer.</param>
/// <param name="Waiting">Feedback that waits for an engineer.</param>
public sealed record CategoryFacts(string Category, GalleryManifest? Scoring, IReadOnlyList<double> Passed, IReadOnlyList<bool> Verdicts,
    IReadOnlyList<LoggedScore> Missed, int Suspects, int Waiting)
{
    /// <summary>Decisions that wait long for delivery to a destination, and dead letters of the last <see cref="NoticeRules.MissDays"/>
    /// days.</summary>
    public IReadOnlyList<OutboxState> Undelivered { get; init; } = [];
}
