using SpadeCluster.Features;

namespace SpadeCluster.Galleries;

public sealed partial class GalleryService
{
    public async ValueTask<GalleryManifest> SetRegionAsync(string category, ImageSource? mask, string reason,
        CancellationToken cancellationToken = default)
    {
        CheckReason(reason);
        using var writer = await Lock(CategoryName.Check(category), cancellationToken);
        var current = await GetAsync(category, cancellationToken);
        if (mask is not null && GalleryTiles.Of(current).Grid.Copies is not Copies.None and var copies)
            throw new SpadeException(SpadeError.FailedPrecondition,
                $"category '{category}' has copies of its normals ({copies.Text()}), which show other parts inside a region: build a "
                + "category without copies to inspect a region");
        var region = mask is null ? null : Region.From(await mask.ReadAsync(cancellationToken), mask.Name, current.Model,
            engines.For(current.Model, current.Preprocessing).Preparer);
        if (region?.Digest == current.Region?.Digest) return current;
        return await PublishWithKnownThresholdsAsync(current with
        {
            Version = current.Version + 1,
            Reason = $"{(region is null ? "inspect whole photographs" : $"inspect the region {region.Source}")}: {reason}",
            Region = region,
            Calibration = null,
        }, cancellationToken);
    }
}
