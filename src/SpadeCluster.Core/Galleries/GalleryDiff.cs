using SpadeCluster.Scoring;

namespace SpadeCluster.Galleries;

/// <summary>The difference between two versions of a gallery.</summary>
/// <param name="From">The earlier version.</param>
/// <param name="To">The later version.</param>
/// <param name="Added">Images that only the later version has, ascending by id.</param>
/// <param name="Removed">Images that only the earlier version has, ascending by id.</param>
/// <param name="Before">Calibration of the earlier version, or null.</param>
/// <param name="After">Calibration of the later version, or null.</param>
public sealed record GalleryDiff(
    GalleryVersion From, GalleryVersion To, IReadOnlyList<GalleryImage> Added, IReadOnlyList<GalleryImage> Removed, Calibration? Before,
    Calibration? After)
{
    public static GalleryDiff Between(GalleryManifest from, GalleryManifest to)
        => new(GalleryVersion.Of(from), GalleryVersion.Of(to), [.. to.Images.ExceptBy(from.Images.Select(i => i.Id), i => i.Id)],
            [.. from.Images.ExceptBy(to.Images.Select(i => i.Id), i => i.Id)], from.Calibration, to.Calibration);
}

/// <summary>The difference between two versions as printed and sent: a row for each image, and theta as the only threshold.</summary>
/// <param name="ThetaBefore">Null: the earlier version has no thresholds.</param>
/// <param name="ThetaAfter">Null: the later version has no thresholds.</param>
public sealed record GalleryDiffReport(string Category, int From, int To, IReadOnlyList<GalleryImageRow> Added,
    IReadOnlyList<GalleryImageRow> Removed, double? ThetaBefore, double? ThetaAfter)
{
    public static GalleryDiffReport Of(string category, GalleryDiff d)
        => new(category, d.From.Version, d.To.Version, [.. d.Added.Select(GalleryImageRow.Of)], [.. d.Removed.Select(GalleryImageRow.Of)],
            d.Before?.Theta, d.After?.Theta);
}
