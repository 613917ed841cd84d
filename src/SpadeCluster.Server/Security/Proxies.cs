using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.HttpOverrides;
using IPNetwork = System.Net.IPNetwork;

namespace SpadeCluster.Server.Security;

/// <summary>Proxies in front of the server: only configured ones are trusted to report the caller.</summary>
internal static class Proxies
{
    private static readonly string[] Traces =
        ["Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Original-For", "X-Real-IP", "Via"];

    /// <summary>Reads the caller's address, scheme and host name from a configured proxy's X-Forwarded headers.</summary>
    /// <exception cref="SpadeException">InvalidArgument: one is neither an address nor a network.</exception>
    public static void UseProxies(this IApplicationBuilder app, ServerOptions options)
    {
        if (options.Proxies.Count == 0) return;
        var forwarded = new ForwardedHeadersOptions
        {
            ForwardedHeaders = ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto | ForwardedHeaders.XForwardedHost,
            // Any number of proxies, each of which must be configured.
            ForwardLimit = null,
        };
        forwarded.KnownProxies.Clear();
        forwarded.KnownIPNetworks.Clear();
        foreach (var network in Networks(options)) forwarded.KnownIPNetworks.Add(network);
        app.UseForwardedHeaders(forwarded);
    }

    /// <summary>The configured proxies; an address is a network of one.</summary>
    /// <exception cref="SpadeException">InvalidArgument: one is neither an address nor a network.</exception>
    public static IReadOnlyList<IPNetwork> Networks(ServerOptions options) => [.. options.Proxies.Select(text =>
        IPAddress.TryParse(text, out var one) ? new IPNetwork(one, one.GetAddressBytes().Length * 8)
        : IPNetwork.TryParse(text, out var network) ? network
        : throw new SpadeException(SpadeError.InvalidArgument,
            $"'{text}' is not a proxy's address: write 10.0.0.7, or a network such as 10.0.0.0/24"))];

    /// <summary>Whether the caller is on this machine and uses no proxy: requests through a proxy on this machine come from
    /// elsewhere.</summary>
    public static bool IsLocal(HttpContext context)
        => context.Connection.RemoteIpAddress is { } address && IPAddress.IsLoopback(address)
        && !Traces.Any(context.Request.Headers.ContainsKey);
}
