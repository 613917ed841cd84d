using Microsoft.AspNetCore.Builder;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.DependencyInjection;
using SpadeCluster.Galleries;
using SpadeCluster.Server.Security;

namespace SpadeCluster.Server.Tests;

public sealed class TlsTests : IDisposable
{
    private readonly TestEngines _engines = new();
    private readonly string _folder = Directory.CreateTempSubdirectory("spade-tls-").FullName;

    [Fact]
    public async Task Other_machines_are_served_by_tls_with_a_key_and_cookies_stay_on_it()
    {
        var (certificate, key, fingerprint) = WriteCertificate();
        string text;
        await using (var first = Create(Options("http://127.0.0.1:0")))
            text = (await first.Services.GetRequiredService<ApiKeyStore>().CreateAsync("ann", Role.Viewer, [])).Text;
        await using var app = Create(Options("https://0.0.0.0:0") with { Certificate = certificate, CertificateKey = key });
        await app.StartAsync();
        string address = app.Urls.Single().Replace("0.0.0.0", "127.0.0.1", StringComparison.Ordinal);

        using var trusting = Client(address, (_, shown, _, _) => shown!.GetCertHashString(HashAlgorithmName.SHA256) == fingerprint);
        Assert.Equal(HttpStatusCode.Unauthorized, (await trusting.GetAsync("/v1/galleries")).StatusCode);
        var session = await SessionTests.SignInAsync(trusting, text);
        Assert.Equal(HttpStatusCode.Redirect, session.StatusCode);
        Assert.All(session.Headers.GetValues("Set-Cookie"), c => Assert.Contains("secure", c, StringComparison.OrdinalIgnoreCase));
        trusting.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", text);
        Assert.Equal(HttpStatusCode.OK, (await trusting.GetAsync("/v1/galleries")).StatusCode);

        using var stranger = Client(address, null);
        Assert.IsType<AuthenticationException>((await Assert.ThrowsAsync<HttpRequestException>(() =>
            stranger.GetAsync("/v1/galleries"))).InnerException);
        using var plain = new HttpClient { BaseAddress = new Uri(address.Replace("https", "http", StringComparison.Ordinal)) };
        await Assert.ThrowsAsync<HttpRequestException>(() => plain.GetAsync("/v1/galleries"));
    }

    [Fact]
    public void A_certificate_that_was_replaced_is_shown_without_a_restart_and_a_broken_one_is_not()
    {
        var (certificate, key, _) = WriteCertificate();
        var clock = new Ticks();
        var file = new CertificateFile(certificate, key, clock);
        string first = file.Current.TargetCertificate.GetCertHashString(HashAlgorithmName.SHA256);
        var (_, _, second) = WriteCertificate();
        Assert.Equal(first, file.Current.TargetCertificate.GetCertHashString(HashAlgorithmName.SHA256));
        clock.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(second, file.Current.TargetCertificate.GetCertHashString(HashAlgorithmName.SHA256));
        // Half-way through a replacement: the certificate is new, its key is not there yet.
        File.WriteAllText(key, "");
        clock.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(second, file.Current.TargetCertificate.GetCertHashString(HashAlgorithmName.SHA256));
        File.Delete(certificate);
        clock.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(second, file.Current.TargetCertificate.GetCertHashString(HashAlgorithmName.SHA256));
        var (_, _, third) = WriteCertificate();
        clock.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(third, file.Current.TargetCertificate.GetCertHashString(HashAlgorithmName.SHA256));
    }

    [Fact]
    public async Task The_certificates_between_the_root_and_the_servers_are_sent()
    {
        using var rootKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var middleKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var ownKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var (from, to) = (DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        using var root = Authority("CN=test root", rootKey).CreateSelfSigned(from, to);
        using var middle = Authority("CN=test middle", middleKey)
            .Create(root.SubjectName, X509SignatureGenerator.CreateForECDsa(rootKey), from, to, [1]);
        using var own = new CertificateRequest("CN=line-server", ownKey, HashAlgorithmName.SHA256)
            .Create(middle.SubjectName, X509SignatureGenerator.CreateForECDsa(middleKey), from, to, [2]);
        var (certificate, key) = (Path.Combine(_folder, "chain.pem"), Path.Combine(_folder, "chain.key"));
        await File.WriteAllTextAsync(certificate, own.ExportCertificatePem() + "\n" + middle.ExportCertificatePem());
        await File.WriteAllTextAsync(key, ownKey.ExportPkcs8PrivateKeyPem());
        await using var app = Create(Options("https://127.0.0.1:0") with { Certificate = certificate, CertificateKey = key });
        await app.StartAsync();

        string[] sent = [];
        using var client = Client(app.Urls.Single(), (_, _, chain, _) =>
        {
            sent = [.. chain!.ChainPolicy.ExtraStore.Select(c => c.Subject)];
            return true;
        });
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/v1/health/live")).StatusCode);
        Assert.Contains("CN=test middle", sent);

        static CertificateRequest Authority(string name, ECDsa key) =>
            new(name, key, HashAlgorithmName.SHA256)
            {
                CertificateExtensions =
                { new X509BasicConstraintsExtension(true, false, 0, true) }
            };
    }

    [Theory]
    [InlineData("missing.pem", "missing.pem")]
    [InlineData("words.pem", "words.pem")]
    public void A_certificate_that_is_none_is_named(string file, string named)
    {
        File.WriteAllText(Path.Combine(_folder, "words.pem"), "no certificate");
        var options = Options("https://127.0.0.1:0") with { Certificate = Path.Combine(_folder, file) };
        var e = Assert.Throws<SpadeException>(() => Create(options));
        Assert.Equal(SpadeError.InvalidArgument, e.Error);
        Assert.Contains(named, e.Message, StringComparison.Ordinal);
    }

    private sealed class Ticks : TimeProvider
    {
        private long _now;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;
        public override long GetTimestamp() => _now;
        public void Advance(TimeSpan time) => _now += time.Ticks;
    }

    public void Dispose()
    {
        _engines.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private ServerOptions Options(string url) => new() { Urls = [url], DataFolder = Path.Combine(_folder, "data") };

    private WebApplication Create(ServerOptions options) => TestServer.Create(options, new InMemoryGalleryStore(), _engines);

    private static HttpClient Client(string address, RemoteCertificateValidationCallback? trust)
    {
        var handler = new SocketsHttpHandler { AllowAutoRedirect = false };
        if (trust is not null) handler.SslOptions.RemoteCertificateValidationCallback = trust;
        return new HttpClient(handler) { BaseAddress = new Uri(address) };
    }

    private (string Certificate, string Key, string Fingerprint) WriteCertificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=line-server", key, HashAlgorithmName.SHA256);
        using var made = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        var (certificate, keyFile) = (Path.Combine(_folder, "server.pem"), Path.Combine(_folder, "server.key"));
        File.WriteAllText(certificate, made.ExportCertificatePem());
        File.WriteAllText(keyFile, key.ExportPkcs8PrivateKeyPem());
        return (certificate, keyFile, made.GetCertHashString(HashAlgorithmName.SHA256));
    }
}
