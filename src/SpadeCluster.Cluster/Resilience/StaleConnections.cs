using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Hosting;

namespace SpadeCluster.Cluster.Resilience;

/// <summary>
/// Closes connections to a silo's endpoint as soon as the cluster has declared that silo dead. Orleans does so ten seconds later. If the
/// silo's process has been restarted at the same endpoint by then (a container in its pod), the old connection has become the one to the
/// new process, and closing it loses all its requests and answers: callers wait for the response timeout, 30 s. At the time of the
/// declaration the connection carries nothing of the new process yet.
/// <para>The end of a connection, on either side, is the first sign of a loss, so all members are then checked.</para>
/// </summary>
internal sealed class StaleConnections(IClusterMembershipService membership, LostSilos lost) : BackgroundService
{
    // Static, because the options of connections are created before the membership service.
    private static readonly ConcurrentDictionary<ConnectionContext, EndPoint> Open = new(ReferenceEqualityComparer.Instance);

    // A check of a port is a short connection for the silo that is checked; its end is no sign of a loss.
    private static readonly TimeSpan PortCheck = TimeSpan.FromSeconds(1);

    private static event Action? Ended;

    /// <summary>Middleware of all connections: reports the end of each.</summary>
    public static void Watch(IConnectionBuilder connections) => connections.Use(next => async connection =>
    {
        long start = Stopwatch.GetTimestamp();
        try
        {
            await next(connection);
        }
        finally
        {
            if (Stopwatch.GetElapsedTime(start) > PortCheck) Ended?.Invoke();
        }
    });

    /// <summary>Middleware of outgoing connections: keeps a list of them.</summary>
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
