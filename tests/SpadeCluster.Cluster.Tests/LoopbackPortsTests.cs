using System.Net;
using System.Net.Sockets;

namespace SpadeCluster.Cluster.Tests;

public sealed class LoopbackPortsTests
{
    /// <summary>Ports that no process takes: the ports of this one may be promised to tests that run now.</summary>
    private const int Start = 11_000, Count = 64;

    [Fact]
    public void Ports_in_use_are_left_out_until_all_are_in_use()
    {
        int calls = -1;
        var listeners = new List<TcpListener>();
        try
        {
            for (int i = 0; i < Count / 2; i++) Listen(LoopbackPorts.Next(Start, ref calls));
            // More calls than ports, so that they begin again with those in use.
            var ports = Enumerable.Range(0, 3 * Count).Select(_ => LoopbackPorts.Next(Start, ref calls)).ToHashSet();
            Assert.Empty(ports.Intersect(listeners.Select(l => ((IPEndPoint)l.LocalEndpoint).Port)));
            Assert.All(ports, p => Assert.InRange(p, Start, Start + Count - 1));
            foreach (int port in ports) Listen(port);
            Assert.Equal(SpadeError.Unavailable, Assert.Throws<SpadeException>(() => LoopbackPorts.Next(Start, ref calls)).Error);
        }
        finally
        {
            foreach (var listener in listeners) listener.Dispose();
        }

        void Listen(int port)
        {
            var listener = new TcpListener(IPAddress.Loopback, port);
            listeners.Add(listener);
            listener.Start();
        }
    }

    [Fact]
    public void No_outgoing_connection_gets_one() =>
        // Linux takes ports of outgoing connections from 32,768 on.
        Assert.InRange(LoopbackPorts.Next(), 12_288, 32_767);
}
