using System.Text.RegularExpressions;
using SpadeCluster.Storage;
using SpadeCluster.Storage.Files;
using SpadeCluster.Storage.Postgres;

namespace SpadeCluster.Cli.Composition;

/// <summary>The store that --gallery names.</summary>
internal static partial class GalleryLocation
{
    /// <param name="location">A folder, or a PostgreSQL connection string such as "Host=db;Database=spade;Username=spade".</param>
    /// <exception cref="SpadeException">InvalidArgument: not a valid connection string.</exception>
    public static GalleryStore Open(string location)
    {
        if (IsUrl(location))
            throw new SpadeException(SpadeError.InvalidArgument,
                "--gallery takes a database as \"Host=...;Port=...;Database=...;Username=...;Password=...\", not as a URL");
        if (!IsDatabase(location)) return new FileGalleryStore(location) { Warning = Warn };
        try
        {
            return new PostgresGalleryStore(location) { Warning = Warn };
        }
        catch (ArgumentException e)
        {
            // The message names the keyword, never a value, which may be a password.
            throw new SpadeException(SpadeError.InvalidArgument,
                $"--gallery is not a connection string PostgreSQL's driver understands ({e.Message}); it looks like "
                + $"\"Host=db;Database=spade;Username=spade\"", e);
        }
    }

    public static bool IsDatabase(string location) => IsUrl(location) || HostOption().IsMatch(location);

    private static bool IsUrl(string location) =>
        location.StartsWith("postgres://", StringComparison.OrdinalIgnoreCase)
        || location.StartsWith("postgresql://", StringComparison.OrdinalIgnoreCase);

    [GeneratedRegex(@"(^|;)\s*(host|server|data source)\s*=", RegexOptions.IgnoreCase)]
    private static partial Regex HostOption();

    private static void Warn(string warning) => Console.Error.WriteLine($"spade: {warning}");
}
