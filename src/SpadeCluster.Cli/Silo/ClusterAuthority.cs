using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace SpadeCluster.Cli.Silo;

/// <summary>A certificate authority for a cluster on this machine, created by 'cluster up'. Its private key is not stored.</summary>
internal sealed class ClusterAuthority : IDisposable
{
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly X509Certificate2 _certificate;

    public ClusterAuthority(string name, TimeSpan lifetime)
    {
        var request = new CertificateRequest($"CN={name}", _key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, true, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        var now = DateTimeOffset.UtcNow;
        _certificate = request.CreateSelfSigned(now.AddMinutes(-5), now + lifetime);
    }

    /// <summary>Writes tls.crt, tls.key and ca.crt for one silo, readable by their owner only.</summary>
    /// <param name="expires">Null: when the authority expires.</param>
    public void Issue(string folder, string silo, DateTimeOffset? expires = null)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={silo}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension(
            [new Oid("1.3.6.1.5.5.7.3.1"), new Oid("1.3.6.1.5.5.7.3.2")], false));
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(_certificate, true, false));
        var end = expires ?? new DateTimeOffset(_certificate.NotAfter);
        using var made = request.Create(_certificate.SubjectName, X509SignatureGenerator.CreateForECDsa(_key),
            new DateTimeOffset(_certificate.NotBefore), end, RandomNumberGenerator.GetBytes(16));
        PrivateFile.Folder(folder);
        PrivateFile.Write(Path.Combine(folder, "tls.key"), key.ExportPkcs8PrivateKeyPem());
        PrivateFile.Write(Path.Combine(folder, "tls.crt"), made.ExportCertificatePem());
        PrivateFile.Write(Path.Combine(folder, "ca.crt"), _certificate.ExportCertificatePem());
    }

    public void Dispose()
    {
        _certificate.Dispose();
        _key.Dispose();
    }
}
