using SpadeCluster.Scoring;

namespace SpadeCluster.Galleries;

/// <summary>The settings by which a category is judged, for learning its thresholds anew: a change of its images is no change of its method.</summary>
public static class LearntOptions
{
    /// <returns>The settings of the newest version with thresholds; null: no kept version has any.</returns>
    /// <exception cref="SpadeException">NotFound: no such category.</exception>
    public static async ValueTask<ScoringOptions?> LearntOptionsAsync(this IGalleryService galleries, string category, CancellationToken cancellationToken = default)
    {
        var current = await galleries.GetAsync(category, cancellationToken);
        if (current.Calibration is { } calibration) return calibration.Options;
        return (await galleries.HistoryAsync(category, cancellationToken)).LastOrDefault(v => v.Calibrated) is { } known
            ? (await galleries.GetVersionAsync(category, known.Version, cancellationToken)).Calibration?.Options : null;
    }
}
