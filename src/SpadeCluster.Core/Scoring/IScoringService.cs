using SpadeCluster.Features;
using SpadeCluster.Galleries;

namespace SpadeCluster.Scoring;

/// <summary>One scored photograph, and the gallery version that scored it.</summary>
public sealed record ScoredImage(string Source, ImageId Id, PreparedImage Prepared, GalleryManifest Gallery, ScoreResult Result);

/// <summary>Photographs in, verdicts out, in this process or behind a cluster's gateway. Safe for concurrent calls.</summary>
public interface IScoringService
{
    /// <summary>Scores a photograph with the category's newest version that has thresholds (<see cref="ScoringVersions"/>) and the
    /// settings these were learnt with; with the current one, and no verdict, where none has any.</summary>
    /// <exception cref="SpadeException">NotFound: no such category. InvalidArgument: not a usable image.
    /// FailedPrecondition: empty gallery, or its model is not at hand.</exception>
    ValueTask<ScoredImage> ScoreAsync(string category, ImageSource source, CancellationToken cancellationToken = default);
}
