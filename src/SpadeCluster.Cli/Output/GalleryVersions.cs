using SpadeCluster.Galleries;

namespace SpadeCluster.Cli.Output;

internal sealed record GalleryDiffReport(string Category, int From, int To, IReadOnlyList<GalleryImageRow> Added,
    IReadOnlyList<GalleryImageRow> Removed, double? ThetaBefore, double? ThetaAfter)
{
    public static GalleryDiffReport Of(string category, GalleryDiff d)
        => new(category, d.From.Version, d.To.Version, Rows(d.Added), Rows(d.Removed), d.Before?.Theta, d.After?.Theta);

    private static IReadOnlyList<GalleryImageRow> Rows(IReadOnlyList<GalleryImage> images)
        => [.. images.Select(i => new GalleryImageRow(i.Id.ToString(), i.Source, i.Sha256, i.AddedAt, i.AddedBy))];
}

internal sealed record SnapshotReport(string Category, string File, int Versions, int Images);
