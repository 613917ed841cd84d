using SpadeCluster.Features;
using SpadeCluster.Galleries;

namespace SpadeCluster.Scoring;

/// <summary>One scored photograph, and the gallery version that scored it.</summary>
public sealed record ScoredImage(string Source, ImageId Id, PreparedImage Prepared, GalleryManifest Gallery, ScoreResult Result);

/// <summary>Scores photographs, in this process or in a cluster. Safe for concurrent calls.</summary>
public interface IScoringService
{
    /// <summary>Scores a photograph with the category's newest version that has thresholds (<see cref="ScoringVersions"/>) and the settings
    /// of those thresholds. If no version has thresholds, scores with the current version and gives no verdict.</summary>
    /// <exception cref="SpadeException">NotFound: no such category. InvalidArgument: not a usable image.
    /// FailedPrecondition: empty gallery, or its model is not available.</exception>
    ValueTask<ScoredImage> ScoreAsync(string category, ImageSource source, CancellationToken cancellationToken = default);
}

/// <summary>Scores photographs with any version, in a cluster. Safe for concurrent calls.</summary>
public interface IVersionScoring
{
    /// <summary>Scores a photograph with the given version and the settings of its thresholds.</summary>
    /// <exception cref="SpadeException">NotFound: no such category or version. Otherwise as <see
    /// cref="IScoringService.ScoreAsync"/>.</exception>
    ValueTask<ScoredImage> ScoreAsync(string category, int version, ImageSource source, CancellationToken cancellationToken = default);
}
