using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Orleans.Messaging;

namespace SpadeCluster.Cluster.Clients;

/// <summary>The configured gateways of a client, each HOST:PORT. Names are resolved repeatedly, because the machines behind a name may
/// change, as with a headless service of Kubernetes.</summary>
internal sealed partial class GatewayAddresses(IReadOnlyList<DnsEndPoint> gateways, ILogger<GatewayAddresses> logger) : IGatewayListProvider
{
    public TimeSpan MaxStaleness { get; } = TimeSpan.FromSeconds(10);

    public bool IsUpdatable => true;

    public Task InitializeGatewayListProvider() => Task.CompletedTask;

    public async Task<IList<Uri>> GetGateways()
    {
        var found = new List<Uri>();
        foreach (var gateway in gateways)
        {
            try
            {
                foreach (var address in await Dns.GetHostAddressesAsync(gateway.Host, AddressFamily.InterNetwork))
                    found.Add(new IPEndPoint(address, gateway.Port).ToGatewayUri());
            }
            catch (SocketException e)
            {
                LogUnknown(gateway.Host, e.Message);
            }
        }
        return found;
    }

    /// <exception cref="SpadeException">InvalidArgument: not HOST:PORT.</exception>
    public static DnsEndPoint Parse(string text)
    {
        int colon = text.LastIndexOf(':');
        if (colon > 0 && Uri.CheckHostName(text[..colon]) is UriHostNameType.Dns or UriHostNameType.IPv4
            && ushort.TryParse(text[(colon + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out ushort port) && port > 0)
            return new DnsEndPoint(text[..colon], port, AddressFamily.InterNetwork);
        throw new SpadeException(SpadeError.InvalidArgument,
            $"'{text}' is not a gateway's address, which is HOST:PORT, such as 10.0.0.7:30000");
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The name of gateway {Host} cannot be resolved: {Reason}")]
    private partial void LogUnknown(string host, string reason);
}
