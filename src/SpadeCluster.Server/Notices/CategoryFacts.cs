using SpadeCluster.Galleries;
using SpadeCluster.Server.Decisions;

namespace SpadeCluster.Server.Notices;

/// <summary>What notices about a category are told from.</summary>
/// <param name="Scoring">The version with thresholds that images are scored with; null: there is none.</param>
/// <param name="Passed">Raw scores of the last parts that were no defects by the thresholds an engineer last stood for,
/// newest first.</param>
/// <param name="Verdicts">Whether each of the last parts was a defect, by the same thresholds, newest first.</param>
/// <param name="Missed">Parts of the last days that people called defects, with their raw scores, newest first.</param>
/// <param name="Suspects">Suspects that wait for an engineer.</param>
/// <param name="Waiting">Feedback that waits for an engineer.</param>
public sealed record CategoryFacts(string Category, GalleryManifest? Scoring, IReadOnlyList<double> Passed, IReadOnlyList<bool> Verdicts,
    IReadOnlyList<LoggedScore> Missed, int Suspects, int Waiting);
