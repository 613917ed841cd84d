using SpadeCluster.Galleries;

namespace SpadeCluster.Server.Galleries;

/// <summary>Which version of a category judges photographs.</summary>
internal static class Judging
{
    /// <summary>The newest version with thresholds, as <see cref="SpadeCluster.Scoring.SteadyVersions"/> chooses it; null: there is none, and
    /// decisions have no verdict.</summary>
    /// <exception cref="SpadeException">NotFound: no such category.</exception>
    public static async ValueTask<GalleryManifest?> ReadAsync(IGalleryService galleries, string category, CancellationToken cancellationToken)
    {
        var current = await galleries.GetAsync(category, cancellationToken);
        if (current.Calibration is not null) return current;
        int? judging = (await galleries.HistoryAsync(category, cancellationToken)).LastOrDefault(v => v.Calibrated && v.Version < current.Version)?.Version;
        return judging is { } version ? await galleries.GetVersionAsync(category, version, cancellationToken) : null;
    }
}
