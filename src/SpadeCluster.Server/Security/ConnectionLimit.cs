using System.Collections.Concurrent;
using System.Net;
using Microsoft.AspNetCore.Connections;

namespace SpadeCluster.Server.Security;

/// <summary>Limits the connections of an address, so that it cannot use all connections of the server, for example by half-sent requests or
/// slow reading. Configured proxies have no limit, because they serve many callers.</summary>
internal sealed class ConnectionLimit(int perAddress, IReadOnlyList<IPNetwork> proxies)
{
    private readonly ConcurrentDictionary<string, int> _open = new(StringComparer.Ordinal);

    /// <summary>Middleware of connections.</summary>
    public ConnectionDelegate Bound(ConnectionDelegate next) => async connection =>
    {
        var address = (connection.RemoteEndPoint as IPEndPoint)?.Address;
        if (address is { IsIPv4MappedToIPv6: true }) address = address.MapToIPv4();
        if (address is null || proxies.Any(p => p.Contains(address)))
        {
            await next(connection);
            return;
        }
        string from = FailedSignIns.Network(address);
        try
        {
            if (_open.AddOrUpdate(from, 1, (_, n) => n + 1) <= perAddress) await next(connection);
            else connection.Abort(new ConnectionAbortedException("too many connections from one address"));
        }
        finally
        {
            // Removed only if the count is still 0, so that a new connection is not lost.
            int left = _open.AddOrUpdate(from, 0, (_, n) => n - 1);
            if (left <= 0) _open.TryRemove(KeyValuePair.Create(from, left));
        }
    };
}
