using SpadeCluster.Storage;
using SpadeCluster.Storage.Files;
using SpadeCluster.Storage.Postgres;

namespace SpadeCluster.Cli.Composition;

/// <summary>Where --gallery points to.</summary>
internal static class GalleryPlace
{
    /// <param name="place">A folder, or a PostgreSQL connection string such as "Host=db;Database=spade;Username=spade".</param>
    public static GalleryStore Open(string place)
        => place.Contains("Host=", StringComparison.OrdinalIgnoreCase) ? new PostgresGalleryStore(place) { Warning = Warn } : new FileGalleryStore(place) { Warning = Warn };

    private static void Warn(string warning) => Console.Error.WriteLine($"spade: {warning}");
}
