using System.Net;

namespace SpadeCluster.Server.Security;

/// <summary>Checks the addresses on which a server listens.</summary>
public static class Binding
{
    /// <summary>Names of the settings on the command line and of a silo.</summary>
    private const string Certificate = "--cert and --cert-key (Spade:Http:Certificate and Spade:Http:CertificateKey)";

    /// <summary>Parses the addresses, refusing unsafe ones.</summary>
    /// <param name="options">The server's settings.</param>
    /// <param name="anyKey">Whether there is a valid key.</param>
    /// <exception cref="SpadeException">InvalidArgument: an invalid or unsafe address.</exception>
    public static (IReadOnlyList<Uri> Http, IReadOnlyList<Uri> Grpc) Check(ServerOptions options, bool anyKey)
    {
        var (urls, grpc) = (options.Urls.Select(Parse).ToArray(), options.GrpcUrls.Select(Parse).ToArray());
        foreach (var url in urls.Concat(grpc))
        {
            if (url.Scheme == Uri.UriSchemeHttps && options.Certificate is null)
                throw Invalid($"'{url}' needs a certificate: name PEM files with {Certificate}");
            if (IsLoopback(url)) continue;
            if (url.Scheme != Uri.UriSchemeHttps && !options.Insecure)
                throw Invalid($"'{url}' can be reached from other machines without encryption: use https with {Certificate}, or set "
                    + $"--insecure (Spade:Http:Insecure) if the network is trusted");
            if (!anyKey)
                throw Invalid($"'{url}' can be reached from other machines, and there is no valid key: create one with 'spade key create "
                    + $"--name NAME --role engineer "
                    + $"{(options.Database is null ? $"--new --data {options.DataFolder}" : "--database FILE")}'");
        }
        return (urls, grpc);
    }

    /// <summary>The host names that requests may use. Others are refused, because DNS rebinding leads browsers to a server by other
    /// names.</summary>
    public static IReadOnlyList<string> HostNames(ServerOptions options, IReadOnlyList<Uri> urls)
        => [.. new[] { "localhost", "127.0.0.1", "[::1]" }.Concat(urls.Select(u => u.Host)).Concat(options.Hosts)
            .Where(h => h is not ("0.0.0.0" or "[::]" or "*" or "+")).Distinct()];

    /// <summary>Whether any name is allowed: the server listens on all addresses, and no names were given.</summary>
    public static bool AnyHost(ServerOptions options, IReadOnlyList<Uri> urls) =>
        options.Hosts.Count == 0 && urls.Any(u => u.Host is "0.0.0.0" or "[::]");

    private static Uri Parse(string text)
        => Uri.TryCreate(text.Replace("://*", "://0.0.0.0", StringComparison.Ordinal)
            .Replace("://+", "://0.0.0.0", StringComparison.Ordinal), UriKind.Absolute, out var url)
            && (url.Scheme == Uri.UriSchemeHttp || url.Scheme == Uri.UriSchemeHttps) && url.AbsolutePath == "/"
            && (url.Host == "localhost" || IPAddress.TryParse(url.Host, out _)) ? url
            : throw Invalid($"'{text}' is not an address to listen on: write http://127.0.0.1:5080 or https://0.0.0.0:5443");

    private static bool IsLoopback(Uri url) =>
        url.Host == "localhost" || (IPAddress.TryParse(url.Host, out var address) && IPAddress.IsLoopback(address));

    private static SpadeException Invalid(string message) => new(SpadeError.InvalidArgument, message);
}
