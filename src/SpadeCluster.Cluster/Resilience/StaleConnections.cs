using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Hosting;

namespace SpadeCluster.Cluster.Resilience;

/// <summary>
/// Closes connections to a lost silo's endpoint the moment the cluster knows that it is lost. Orleans does so ten seconds
/// later; if the silo's process has been restarted at the same endpoint meanwhile (a container in its pod), what was
/// opened for the old silo has become the connection to the new one, and closing it then silently loses every request and
/// answer on it: their callers waited for the response timeout, 30 s. At the moment of the news nothing of the new silo is
/// on it yet.
/// <para>And a connection that ends, on either side, is the first sign of a loss: the members are looked after at once.</para>
/// </summary>
internal sealed class StaleConnections(IClusterMembershipService membership, LostSilos lost) : BackgroundService
{
    // Made before the membership is: the connections' options are part of what it is made of.
    private static readonly ConcurrentDictionary<ConnectionContext, EndPoint> Open = new(ReferenceEqualityComparer.Instance);

    // Looking whether a port is open is a connection too, for whom it is made to; it ends at once, and is no sign of anything.
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(1);

    private static event Action? Ended;

    /// <summary>Middleware of all connections: tells when one ends.</summary>
    public static void Watch(IConnectionBuilder connections) => connections.Use(next => async connection =>
    {
        long start = Stopwatch.GetTimestamp();
        try
        {
            await next(connection);
        }
        finally
        {
            if (Stopwatch.GetElapsedTime(start) > Look) Ended?.Invoke();
        }
    });

    /// <summary>Middleware of outgoing connections: keeps count of them.</summary>
    public static void Track(IConnectionBuilder connections) => connections.Use(next => async connection =>
    {
        if (connection.RemoteEndPoint is { } remote) Open[connection] = remote;
        try
        {
            await next(connection);
        }
        finally
        {
            Open.TryRemove(connection, out _);
        }
    });

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var stopped = stoppingToken.Register(() => Ended -= lost.CheckAll);
        Ended += lost.CheckAll;
        var before = membership.CurrentSnapshot;
        await foreach (var now in membership.MembershipUpdates.WithCancellation(stoppingToken))
        {
            var dead = now.CreateUpdate(before).Changes.Where(c => c.Status == SiloStatus.Dead).Select(c => c.SiloAddress.Endpoint)
                .ToHashSet();
            before = now;
            foreach (var (connection, remote) in Open)
                if (remote is IPEndPoint endpoint && dead.Contains(endpoint))
                    connection.Abort(new ConnectionAbortedException("the silo is lost"));
        }
    }
}
