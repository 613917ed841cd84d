using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Orleans.Connections.Security;
using SpadeCluster.Cluster;
using SpadeCluster.Server.Security;

namespace SpadeCluster.Cli.Silo;

/// <summary>
/// TLS between silos, by Microsoft.Orleans.Connections.Security: both sides present a certificate signed by the cluster's own authority.
/// Names are not compared: every certificate of the authority belongs to a silo.
/// </summary>
internal static partial class MutualTls
{
    /// <summary>Silos are configured before services exist, so this is a logger of its own, which also writes to the console.</summary>
    private static readonly ILogger Log = LoggerFactory.Create(b => b.AddSimpleConsole(o => o.SingleLine = true))
        .CreateLogger(typeof(MutualTls).FullName!);

    private static long _logged;

    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1", ClientAuthentication = "1.3.6.1.5.5.7.3.2";

    /// <param name="folder">Contains tls.crt, tls.key and ca.crt, which may be replaced while the silo runs.</param>
    /// <exception cref="SpadeException">InvalidArgument: the files are not certificates.</exception>
    public static ISiloBuilder UseMutualTls(this ISiloBuilder silo, string folder) =>
        silo.IgnorePortChecks().UseTls(Options(folder));

    /// <inheritdoc cref="UseMutualTls(ISiloBuilder, string)"/>
    public static IClientBuilder UseMutualTls(this IClientBuilder client, string folder) => client.UseTls(Options(folder));

    private static Action<TlsOptions> Options(string folder)
    {
        var own = new CertificateFile(Path.Combine(folder, "tls.crt"), Path.Combine(folder, "tls.key"), logger: Log);
        string authority = Path.Combine(folder, "ca.crt");
        _ = Authorities(authority);
        return tls =>
        {
            tls.LocalServerCertificateSelector = (_, _) => own.Current.TargetCertificate;
            tls.RemoteCertificateMode = RemoteCertificateMode.RequireCertificate;
            // With RequireCertificate the library would demand a fixed client certificate; ours is read for each connection.
            tls.ClientCertificateMode = RemoteCertificateMode.AllowCertificate;
            tls.RemoteCertificateValidation = (certificate, chain, _) => IsMember(certificate, chain, authority) || Refuse(certificate);
            tls.OnAuthenticateAsClient = (_, client) =>
                (client.TargetHost, client.ClientCertificates) = ("silo", [own.Current.TargetCertificate]);
        };
    }

    /// <summary>Whether the cluster's authority has signed the certificate and it is valid now.</summary>
    internal static bool IsMember(X509Certificate2 certificate, X509Chain? sent, string authority)
    {
        using var chain = new X509Chain();
        var policy = chain.ChainPolicy;
        (policy.TrustMode, policy.RevocationMode) = (X509ChainTrustMode.CustomRootTrust, X509RevocationMode.NoCheck);
        policy.CustomTrustStore.AddRange(Authorities(authority));
        if (sent is not null) policy.ExtraStore.AddRange(sent.ChainPolicy.ExtraStore);
        return chain.Build(certificate) && MayAuthenticate(certificate);
    }

    private static bool Refuse(X509Certificate2 certificate)
    {
        // At most once a second, because anybody can connect to an open port.
        long now = Environment.TickCount64 / 1000;
        if (Interlocked.Exchange(ref _logged, now) != now)
            LogRefused(Log, certificate.Subject, certificate.Issuer, certificate.NotAfter.ToUniversalTime());
        return false;
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "refused a silo's certificate, {Subject} by {Issuer}, valid until {End:u}: this "
        + "cluster's authority has not signed it, or it is not valid now")]
    private static partial void LogRefused(ILogger logger, string subject, string issuer, DateTime end);

    /// <summary>A certificate that names purposes must name server or client authentication.</summary>
    private static bool MayAuthenticate(X509Certificate2 certificate)
    {
        var purposes = certificate.Extensions.OfType<X509EnhancedKeyUsageExtension>().SelectMany(e => e.EnhancedKeyUsages.Cast<Oid>())
            .Select(o => o.Value).ToArray();
        return purposes.Length == 0 || purposes.Contains(ServerAuthentication) || purposes.Contains(ClientAuthentication);
    }

    /// <summary>Read for each connection, of which there are few, so that a replaced file is used at once.</summary>
    private static X509Certificate2Collection Authorities(string file)
    {
        var authorities = new X509Certificate2Collection();
        try
        {
            authorities.ImportFromPemFile(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new SpadeException(SpadeError.InvalidArgument, $"'{file}' cannot be read as the certificate of an authority: {e.Message}",
                e);
        }
        return authorities.Count > 0 ? authorities
            : throw new SpadeException(SpadeError.InvalidArgument, $"'{file}' contains no certificate");
    }
}
