using System.Net;
using System.Net.Sockets;

namespace SpadeCluster.Cluster;

/// <summary>
/// TCP ports of this machine for processes that are started next. The system gives ports from 32,768 on to outgoing connections of any
/// program, so one of them could be taken before the started process listens on it. These ports are lower, and each process that asks
/// for them has its own part of the range.
/// </summary>
public static class LoopbackPorts
{
    /// <summary>Ports that Linux, Windows and macOS do not give to outgoing connections, unless they are set up otherwise.</summary>
    private const int First = 12_288, End = 32_768;

    /// <summary>Ports of one process; the next call after them begins again.</summary>
    private const int Count = 64;

    private static int _calls = -1;

    /// <summary>A port that nobody listens on. Calls return different ports until <see cref="Count"/> were returned.</summary>
    /// <exception cref="SpadeException">Unavailable: all ports of this process are in use.</exception>
    public static int Next() => Next(First + Environment.ProcessId % ((End - First) / Count) * Count, ref _calls);

    /// <param name="start">The first of <see cref="Count"/> ports.</param>
    /// <param name="calls">Number of the last port given, counted on without end.</param>
    internal static int Next(int start, ref int calls)
    {
        for (int i = 0; i < Count; i++)
        {
            int port = start + (int)((uint)Interlocked.Increment(ref calls) % Count);
            if (IsFree(port)) return port;
        }
        throw new SpadeException(SpadeError.Unavailable, $"all ports from {start} to {start + Count - 1} are in use");
    }

    private static bool IsFree(int port)
    {
        try
        {
            using var listener = new TcpListener(IPAddress.Any, port);
            listener.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
