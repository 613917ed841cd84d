using System.Globalization;
using System.Text.Json;

namespace SpadeCluster.Cluster.Tests.Hosts;

/// <summary>
/// Hosts in network namespaces with the kernel's own links between them, a veth pair for each two hosts. For measurements: no program
/// forwards packets and no queue drops them, as <see cref="HostNetwork"/> does when its threads wait for a processor. This process is on
/// the first host.
/// </summary>
internal sealed class HostLinks(byte first) : IDisposable
{
    /// <summary>Ethernet, IPv4 and TCP with its time stamp.</summary>
    private const int HeaderBytes = 14 + 20 + 32;

    private readonly List<byte> _hosts = [first];

    /// <summary>Why there can be no such links here; null: there can.</summary>
    public static string? Missing
    {
        get
        {
            string probe = HostNetwork.Prefix + "try";
            if (Shell.TryRun("ip", "link", "add", probe, "type", "veth", "peer", "name", probe + "2") is { } refused)
                return $"needs veth links; 'ip link add' said: {refused}";
            Shell.Run("ip", "link", "delete", probe);
            return null;
        }
    }

    /// <summary>Creates a host.</summary>
    public void Add(byte host)
    {
        Shell.Run("ip", "netns", "add", HostNetwork.Namespace(host));
        Shell.Run("ip", [.. In(host), "link", "set", "lo", "up"]);
        foreach (byte other in _hosts)
        {
            var (here, there) = (Device(host, other), Device(other, host));
            Shell.Run("ip", [.. In(host), "link", "add", here, "type", "veth", "peer", "name", there]);
            if (other != first) Shell.Run("ip", [.. In(host), "link", "set", there, "netns", HostNetwork.Namespace(other)]);
            else Shell.Run("ip", [.. In(host), "link", "set", there, "netns", $"{Environment.ProcessId}"]);
            Connect(host, other);
            Connect(other, host);
        }
        _hosts.Add(host);
    }

    /// <summary>Bytes that a host has sent to another one, without the headers of packets. The kernel counts a packet before the network
    /// card cuts it into smaller ones.</summary>
    public long BytesSent(byte from, byte to)
    {
        using var answer = JsonDocument.Parse(Shell.Read("ip", [.. In(from), "-s", "-j", "link", "show", Device(from, to)]));
        var sent = answer.RootElement[0].GetProperty("stats64").GetProperty("tx");
        return sent.GetProperty("bytes").GetInt64() - HeaderBytes * sent.GetProperty("packets").GetInt64();
    }

    /// <summary>A host's links end with it.</summary>
    public void Dispose()
    {
        foreach (byte host in _hosts.Skip(1)) Shell.TryRun("ip", "netns", "delete", HostNetwork.Namespace(host));
    }

    private string[] In(byte host) => host == first ? [] : ["-n", HostNetwork.Namespace(host)];

    /// <summary>The end of a link at the host; this machine's own namespace has those of other test processes too.</summary>
    private static string Device(byte host, byte other) =>
        string.Create(CultureInfo.InvariantCulture, $"{HostNetwork.Prefix}{host}-{other}");

    private void Connect(byte host, byte other)
    {
        string device = Device(host, other), address = HostNetwork.Address(host);
        Shell.Run("ip", [.. In(host), "address", "add", $"{address}/32", "dev", device]);
        Shell.Run("ip", [.. In(host), "link", "set", device, "up"]);
        Shell.Run("ip", [.. In(host), "route", "add", $"{HostNetwork.Address(other)}/32", "dev", device, "src", address]);
    }
}
