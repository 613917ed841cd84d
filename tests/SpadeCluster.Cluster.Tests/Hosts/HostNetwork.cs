using System.ComponentModel;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace SpadeCluster.Cluster.Tests.Hosts;

/// <summary>How packets go from one host to another.</summary>
/// <param name="Loss">Probability that a packet is lost; 1: the way is cut.</param>
/// <param name="Delay">Time that a packet takes.</param>
/// <param name="Jitter">Largest deviation from the delay. Each packet has its own, so packets overtake each other.</param>
internal readonly record struct Link(double Loss, TimeSpan Delay = default, TimeSpan Jitter = default)
{
    public static readonly Link Good = default, Cut = new(1);
}

/// <summary>
/// Hosts in network namespaces, each with an address of its own, and the switch between them, which is this process: the kernel gives it
/// each host's packets through a TUN device. So faults need no netem, which not every kernel has, and can be different for each direction.
/// This process is host 1.
/// </summary>
internal sealed partial class HostNetwork : IDisposable
{
    private const int Queued = 10_000;
    private const int TunNoHeader = 0x1001, SetName = 0x400454ca, Mtu = 1500, HeaderBytes = 20, DestinationAt = 16, SourceAt = 12;

    // Several test processes may run on one machine.
    internal static readonly string Prefix = $"sp{Environment.ProcessId % 100_000}-";
    private static readonly int Subnet = Environment.ProcessId % 250;

    private readonly Dictionary<byte, SafeFileHandle> _devices = [];
    private readonly PriorityQueue<(SafeFileHandle To, byte[] Packet), long> _delayed = new();
    private readonly Random _random = new(1);

    /// <summary>By sender and receiver.</summary>
    private readonly long[,] _bytes = new long[256, 256];
    private volatile Func<byte, byte, Link> _link = (_, _) => Hosts.Link.Good;
    private volatile bool _closed;

    public HostNetwork()
    {
        Add(1, null);
        new Thread(SendDelayed) { IsBackground = true, Name = "delayed packets" }.Start();
    }

    /// <summary>The fault: the link from a host to another one, by their numbers. Packets between the same two hosts go the two ways
    /// independently.</summary>
    public Func<byte, byte, Link> Link { set => _link = value; }

    /// <summary>Bytes that a host has sent to another one over TCP, without the headers of packets.</summary>
    public long BytesSent(byte from, byte to) => Volatile.Read(ref _bytes[from, to]);

    /// <summary>Ends all faults.</summary>
    public void Heal() => Link = (_, _) => Hosts.Link.Good;

    public static string Address(byte host) => $"10.77.{Subnet}.{host}";

    /// <summary>Why there can be no such network here; null: there can.</summary>
    public static string? Missing { get; } = FindMissing();

    /// <summary>Creates a host.</summary>
    public void Add(byte host) => Add(host, Namespace(host));

    /// <summary>The start of a command line that runs a program on a host.</summary>
    public static string[] On(byte host) => ["ip", "netns", "exec", Namespace(host)];

    public void Dispose()
    {
        _closed = true;
        foreach (byte host in _devices.Keys.Where(h => h != 1)) Shell.TryRun("ip", "netns", "delete", Namespace(host));
        Shell.TryRun("ip", "link", "delete", Prefix + "1");
        foreach (var device in _devices.Values) device.Dispose();
        lock (_delayed) Monitor.Pulse(_delayed);
    }

    internal static string Namespace(byte host) => $"{Prefix}{host}";

    private void Add(byte host, string? space)
    {
        string name = Prefix + host.ToString(CultureInfo.InvariantCulture);
        var device = Open(name);
        lock (_devices) _devices[host] = device;
        if (space is not null)
        {
            Shell.Run("ip", "netns", "add", space);
            Shell.Run("ip", "link", "set", name, "netns", space);
            Shell.Run("ip", "-n", space, "link", "set", "lo", "up");
        }
        string[] inSpace = space is null ? [] : ["-n", space];
        Shell.Run("ip", [.. inSpace, "address", "add", $"{Address(host)}/24", "dev", name]);
        // A queue of 500 packets drops some as soon as the threads below wait for a processor; packets are lost only where a link says so.
        Shell.Run("ip", [.. inSpace, "link", "set", name, "mtu", $"{Mtu}", "txqueuelen", $"{Queued}", "up"]);
        new Thread(() => Forward(device)) { IsBackground = true, Name = $"packets of host {host}" }.Start();
    }

    /// <summary>Takes the packets that a host sends.</summary>
    private void Forward(SafeFileHandle from)
    {
        var buffer = new byte[Mtu];
        // Reading fails when the host is removed.
        while (Read(from, buffer, buffer.Length) is >= 0 and var length)
        {
            SafeFileHandle? to;
            if (length < HeaderBytes || buffer[0] >> 4 != 4) continue;
            lock (_devices) if (!_devices.TryGetValue(buffer[DestinationAt + 3], out to)) continue;
            var (sender, receiver) = (buffer[SourceAt + 3], buffer[DestinationAt + 3]);
            Interlocked.Add(ref _bytes[sender, receiver], Payload(buffer, (int)length));
            Send(to, _link(sender, receiver), buffer[..(int)length]);
        }
    }

    /// <summary>Bytes of a TCP packet after its two headers, each of which says its length in words of 4 bytes.</summary>
    private static int Payload(byte[] packet, int length)
    {
        const int ProtocolAt = 9, Tcp = 6, LengthAt = 12;
        int ip = 4 * (packet[0] & 15);
        return packet[ProtocolAt] != Tcp || ip + LengthAt >= length ? 0 : Math.Max(0, length - ip - 4 * (packet[ip + LengthAt] >> 4));
    }

    private void Send(SafeFileHandle to, Link link, byte[] packet)
    {
        double loss, jitter;
        lock (_random) (loss, jitter) = (_random.NextDouble(), _random.NextDouble());
        if (loss < link.Loss) return;
        if (link.Delay == default)
        {
            Write(to, packet, packet.Length);
            return;
        }
        var delay = link.Delay + link.Jitter * (2 * jitter - 1);
        lock (_delayed)
        {
            _delayed.Enqueue((to, packet), Environment.TickCount64 + (long)delay.TotalMilliseconds);
            Monitor.Pulse(_delayed);
        }
    }

    private void SendDelayed()
    {
        lock (_delayed)
        {
            while (!_closed)
            {
                if (!_delayed.TryPeek(out var next, out long due)) Monitor.Wait(_delayed);
                else if (due - Environment.TickCount64 is > 0 and var early) Monitor.Wait(_delayed, (int)early);
                else
                {
                    _delayed.Dequeue();
                    Write(next.To, next.Packet, next.Packet.Length);
                }
            }
        }
    }

    private static SafeFileHandle Open(string name)
    {
        var device = File.OpenHandle("/dev/net/tun", FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        // struct ifreq: the name in 16 bytes, then the flags (IFF_TUN | IFF_NO_PI).
        var request = new byte[40];
        Encoding.ASCII.GetBytes(name, request);
        BitConverter.TryWriteBytes(request.AsSpan(16), (short)TunNoHeader);
        if (Control(device, SetName, request) == 0) return device;
        var problem = new Win32Exception(Marshal.GetLastPInvokeError());
        device.Dispose();
        throw problem;
    }

    private static string? FindMissing()
    {
        if (!OperatingSystem.IsLinux()) return "needs Linux";
        if (!Environment.IsPrivilegedProcess) return "needs the right to create network namespaces (root)";
        try
        {
            string probe = Prefix + "try";
            if (Shell.TryRun("ip", "netns", "add", probe) is { } refused)
                return $"needs the right to create network namespaces; 'ip netns add' said: {refused}";
            Shell.Run("ip", "netns", "delete", probe);
            Open(probe).Dispose();
            return null;
        }
        catch (Win32Exception e)
        {
            return $"needs 'ip' (package iproute2) and the right to create TUN devices ({e.Message})";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"needs TUN devices (/dev/net/tun: {e.Message})";
        }
    }

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int Control(SafeFileHandle device, ulong request, [In, Out] byte[] argument);

    [LibraryImport("libc", EntryPoint = "read")]
    private static partial nint Read(SafeFileHandle device, [Out] byte[] buffer, nint length);

    /// <summary>A failure is a lost packet: the host is not up yet, or was removed.</summary>
    [LibraryImport("libc", EntryPoint = "write")]
    private static partial nint Write(SafeFileHandle device, byte[] packet, nint length);
}
