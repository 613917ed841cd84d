using System.Net;
using System.Net.Sockets;

namespace SpadeCluster.Cluster.Tests;

public sealed class LoopbackPortsTests
{
    /// <summary>More than a process has, so that the range begins again while some of its ports are in use.</summary>
    private const int Calls = 200;

    [Fact]
    public void Ports_in_use_are_left_out_and_no_outgoing_connection_gets_one()
    {
        var listeners = Enumerable.Range(0, 8).Select(_ => new TcpListener(IPAddress.Loopback, LoopbackPorts.Next())).ToList();
        try
        {
            foreach (var listener in listeners) listener.Start();
            var used = listeners.Select(l => ((IPEndPoint)l.LocalEndpoint).Port).ToHashSet();
            Assert.Equal(listeners.Count, used.Count);
            var ports = Enumerable.Range(0, Calls).Select(_ => LoopbackPorts.Next()).ToList();
            Assert.DoesNotContain(ports, used.Contains);
            // Linux takes ports of outgoing connections from 32,768 on.
            Assert.All(ports, p => Assert.InRange(p, 12_288, 32_767));
            Assert.InRange(ports.Distinct().Count(), 2, 64);
        }
        finally
        {
            foreach (var listener in listeners) listener.Dispose();
        }
    }
}
