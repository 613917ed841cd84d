using SpadeCluster.Scoring;

namespace SpadeCluster.Galleries;

/// <summary>Learns the thresholds of a changed gallery again, with the settings that it had: a change of the images must not change the
/// method.</summary>
public static class GalleryCalibration
{
    /// <returns>The settings of the newest version with thresholds; null: no kept version has thresholds, or there is no such
    /// category.</returns>
    public static async ValueTask<ScoringOptions?> ReadSettingsAsync(this IGalleryService galleries, string category,
        CancellationToken cancellationToken = default)
    {
        if (!(await galleries.ListAsync(cancellationToken)).Contains(category, StringComparer.Ordinal)) return null;
        return (await galleries.FindAsync(category, v => v.Calibrated, cancellationToken))?.Calibration?.Options;
    }

    /// <returns>The version that images are scored with: the newest one with thresholds that is not on trial; null: no kept version has
    /// thresholds.</returns>
    /// <exception cref="SpadeException">NotFound: no such category.</exception>
    public static ValueTask<GalleryManifest?> FindScoringVersionAsync(this IGalleryService galleries, string category,
        CancellationToken cancellationToken = default) => galleries.FindAsync(category, v => v.MayDecide, cancellationToken);

    /// <summary>The newest version of a kind, which is often the current one.</summary>
    private static async ValueTask<GalleryManifest?> FindAsync(this IGalleryService galleries, string category,
        Func<GalleryVersion, bool> kind, CancellationToken cancellationToken)
    {
        var current = await galleries.GetAsync(category, cancellationToken);
        if (kind(GalleryVersion.Of(current))) return current;
        return (await galleries.HistoryAsync(category, cancellationToken))
            .SinceDeletion().LastOrDefault(v => kind(v) && v.Version < current.Version) is { } known
            ? await galleries.GetVersionAsync(category, known.Version, cancellationToken) : null;
    }

    /// <summary>The versions after the last deletion: thresholds of a deleted category do not hold for a new one of its name.</summary>
    public static IEnumerable<GalleryVersion> SinceDeletion(this IReadOnlyList<GalleryVersion> history)
        => history.Skip(history.Select((v, i) => v.Deleted ? i + 1 : 0).DefaultIfEmpty().Max());

    /// <summary>Learns thresholds if the changed version has none and has more than one image.</summary>
    /// <param name="settings">The previous or the requested settings; null: the defaults.</param>
    public static async ValueTask<GalleryManifest> CalibrateAgainAsync(this IGalleryService galleries, GalleryManifest changed,
        ScoringOptions? settings, IProgress<int>? progress = null, CancellationToken cancellationToken = default)
        => changed.NeedsCalibration()
        ? await galleries.CalibrateAsync(changed.Category, settings.FittedTo(changed.Images.Count), progress, cancellationToken) : changed;

    public static bool NeedsCalibration(this GalleryManifest version) => version is { Calibration: null, Images.Count: > 1 };

    /// <summary>The settings with no more neighbours than the gallery has images.</summary>
    /// <param name="settings">Null: the defaults.</param>
    public static ScoringOptions FittedTo(this ScoringOptions? settings, int images)
    {
        settings ??= ScoringOptions.DefaultFor(images);
        return settings with
        {
            GateNeighbours = Math.Clamp(settings.GateNeighbours, 1, Math.Max(images, 1)),
            GalleryNeighbours = settings.GalleryNeighbours is { } k ? Math.Min(k, Math.Max(images, 1)) : null,
        };
    }
}
