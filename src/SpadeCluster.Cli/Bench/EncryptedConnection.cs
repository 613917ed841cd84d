using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using SpadeCluster.Cli.Silo;
using SpadeCluster.Server.Security;

namespace SpadeCluster.Cli.Bench;

/// <summary>A connection with TLS as between silos, over loopback; this process has both ends.</summary>
internal sealed class EncryptedConnection : IDisposable
{
    private readonly SslStream _sender, _receiver;

    private EncryptedConnection(SslStream sender, SslStream receiver) => (_sender, _receiver) = (sender, receiver);

    /// <param name="folder">Receives the certificate.</param>
    public static async Task<EncryptedConnection> OpenAsync(string folder, CancellationToken stop)
    {
        using (var authority = new ClusterAuthority("calibration", TimeSpan.FromDays(1))) authority.Issue(folder, "silo");
        var certificate = new CertificateFile(Path.Combine(folder, "tls.crt"), Path.Combine(folder, "tls.key")).Current;
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var client = new TcpClient { NoDelay = true };
        await client.ConnectAsync((IPEndPoint)listener.LocalEndpoint, stop);
        var server = await listener.AcceptTcpClientAsync(stop);
        var (sender, receiver) = (new SslStream(client.GetStream()), new SslStream(server.GetStream()));
        await Task.WhenAll(
            receiver.AuthenticateAsServerAsync(new SslServerAuthenticationOptions { ServerCertificateContext = certificate }, stop),
            sender.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
            {
                TargetHost = "silo",
                // The other end is this process.
                RemoteCertificateValidationCallback = (_, _, _, _) => true,
            }, stop));
        return new EncryptedConnection(sender, receiver);
    }

    /// <summary>Sends a message and receives it.</summary>
    /// <returns>The bytes received.</returns>
    public async Task<byte[]> SendAsync(byte[] message, CancellationToken stop)
    {
        byte[] received = new byte[message.Length];
        var sending = _sender.WriteAsync(message, stop).AsTask();
        await _receiver.ReadExactlyAsync(received, stop);
        await sending;
        return received;
    }

    /// <summary>Closes both ends with their sockets.</summary>
    public void Dispose()
    {
        _sender.Dispose();
        _receiver.Dispose();
    }
}
