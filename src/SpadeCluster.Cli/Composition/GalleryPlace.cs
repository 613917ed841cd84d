using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Storage;
using SpadeCluster.Storage.Files;
using SpadeCluster.Storage.Postgres;

namespace SpadeCluster.Cli.Composition;

/// <summary>Where --gallery points to, and what is kept there.</summary>
internal static class GalleryPlace
{
    /// <param name="place">A folder, or a PostgreSQL connection string such as "Host=db;Database=spade;Username=spade".</param>
    public static GalleryStore Open(string place)
        => place.Contains("Host=", StringComparison.OrdinalIgnoreCase) ? new PostgresGalleryStore(place) : new FileGalleryStore(place);

    /// <summary>The small picture kept with each normal.</summary>
    public static byte[]? Thumbnail(RgbImage image) => SpadeCluster.Imaging.Thumbnail.Encode(image, GalleryService.MaxThumbnailBytes);
}
