using System.Diagnostics;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using SpadeCluster.Cli.Commands.Cluster;
using SpadeCluster.Cli.Silo;
using SpadeCluster.Cluster.Tests.Processes;
using SpadeCluster.Cluster.Tests.Support;
using SpadeCluster.Galleries;
using SpadeCluster.Scoring;
using SpadeCluster.Server;

namespace SpadeCluster.Cluster.Tests.Security;

/// <summary>Silos that use mutual TLS, each with a certificate of the cluster's own authority.</summary>
public sealed class MutualTlsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("spade-ca-").FullName;
    private readonly ClusterAuthority _authority = new("ours", TimeSpan.FromDays(1));

    [Theory]
    [InlineData("ours", true), InlineData("foreign", false), InlineData("expired", false), InlineData("self-signed", false)]
    public void Only_a_certificate_that_the_authority_signed_and_that_is_valid_makes_a_member(string kind, bool member)
    {
        using var foreign = new ClusterAuthority("ours", TimeSpan.FromDays(1));
        _authority.Issue(At("first"), "first");
        if (kind is "foreign" or "self-signed") foreign.Issue(At("other"), "other");
        else _authority.Issue(At("other"), "other", kind == "expired" ? DateTimeOffset.UtcNow.AddMinutes(-1) : null);
        using var certificate = X509CertificateLoader.LoadCertificateFromFile(At("other", kind == "self-signed" ? "ca.crt" : "tls.crt"));
        Assert.Equal(member, MutualTls.IsMember(certificate, null, At("first", "ca.crt")));
    }

    [PostgresFact]
    public async Task A_cluster_by_TLS_scores_the_same_bits_survives_a_kill_and_lets_no_stranger_in()
    {
        using var foreign = new ClusterAuthority("ours", TimeSpan.FromDays(1));
        foreach (string silo in new[] { "gateway", "gallery-1", "gallery-2", "client" }) _authority.Issue(At(silo), silo);
        foreign.Issue(At("stranger"), "stranger");
        int gateway = LoopbackPorts.Next();
        await using var silos = await RealSilos.StartAsync(
            [("gateway", "gateway,extractor"), ("gallery-1", "gallery"), ("gallery-2", "gallery")],
            new() { ["Spade:Cluster:Shards"] = "2" },
            silo => new() { ["Spade:TlsFolder"] = At(silo), ["Spade:GatewayPort"] = silo == "gateway" ? $"{gateway}" : "0" });
        using var client = silos.Client();
        var normals = Photos.Normals(6);
        await client.AddNormalsAsync("plate", normals, "tester");
        var options = new ScoringOptions { GatePolicy = GatePolicy.Always, Alpha = 0.2 };
        await client.CalibrateAsync("plate", options, "tester");
        using var engines = new StandaloneEngines();
        var store = new InMemoryGalleryStore();
        var alone = new GalleryService(store, engines, "tester");
        await alone.AddAsync("plate", normals);
        await alone.CalibrateAsync("plate", options);
        using var standalone = new ScoringService(store, engines);
        await SameAsync(4);

        // A server outside the cluster shows a certificate too.
        await using (var outside = SpadeServer.Create(new ServerOptions { Urls = ["http://127.0.0.1:0"], DataFolder = At("outside") },
            builder => builder.AddClusterClient([$"127.0.0.1:{gateway}"], "spade", At("client"))))
        {
            await outside.StartAsync();
            using var http = new HttpClient { BaseAddress = new Uri(outside.Urls.First()) };
            Assert.Contains("plate", await http.GetStringAsync("/v1/galleries"));
            await outside.StopAsync();
        }

        // The silo port does not answer a client without a certificate or with one of another authority.
        foreach (string? shown in new[] { null, "stranger" })
            Assert.True(await IsClosedAsync(silos.SiloPort("gallery-1"), shown is null ? null : At(shown)));
        // Another process writes the log, so the line comes after the connection's end.
        Assert.True(SpinWait.SpinUntil(() => silos.Log("gallery-1").Contains("CN=stranger", StringComparison.Ordinal),
            TimeSpan.FromSeconds(30)), silos.Log("gallery-1"));

        // Silos of another authority, or without TLS, do not become members.
        foreach (var settings in new Dictionary<string, string>[] { new() { ["Spade:TlsFolder"] = At("stranger") }, [] })
            await silos.DoesNotJoinAsync(SiloProcess.New("stranger", "gallery"), settings, TimeSpan.FromSeconds(25));

        // A certificate that is replaced is shown to the next connection, without a restart.
        int port = silos.SiloPort("gallery-2");
        Assert.Equal("CN=gallery-2", await SubjectAsync(port));
        _authority.Issue(At("gallery-2"), "gallery-2 renewed");
        var patience = Stopwatch.StartNew();
        // The file is looked at once a second.
        while (await SubjectAsync(port) != "CN=gallery-2 renewed") Assert.True(patience.Elapsed < TimeSpan.FromSeconds(30));
        await SameAsync(2);

        // A silo that is killed and started again is a member again.
        await silos.KillAsync("gallery-2");
        await silos.StartAgainAsync("gallery-2");
        await SameAsync(4);

        async Task SameAsync(int count)
        {
            foreach (var photo in Photos.Mixed(count))
                SameScores.Assert(ImageScore.Of(await standalone.ScoreAsync("plate", photo)), await client.ScoreAsync("plate", photo));
        }
    }

    [Theory]
    [InlineData("10.0.0.7", false, false), InlineData("10.0.0.7", true, true), InlineData("127.0.0.1", false, true)]
    public void A_silo_that_others_reach_needs_TLS_or_says_that_it_does_without(string address, bool insecure, bool allowed)
    {
        var options = new SiloOptions
        {
            Address = address,
            Insecure = insecure,
            Clustering = ClusteringKind.PostgreSql,
            ConnectionString = "Host=db",
        };
        Assert.Equal(allowed, !options.Problems().Any(p => p.Contains("TlsFolder", StringComparison.Ordinal)));
        options.TlsFolder = "/tls";
        Assert.Empty(options.Problems());
    }

    public void Dispose()
    {
        _authority.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private string At(params string[] parts) => Path.Combine([_folder, .. parts]);

    /// <summary>Whether a silo ends the connection of one who shows this certificate, or none: with TLS 1.3 after the handshake.</summary>
    private static async Task<bool> IsClosedAsync(int port, string? folder)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        try
        {
            await using var tls = await HandshakeAsync(port, folder, limit.Token);
            return await tls.ReadAsync(new byte[1], limit.Token) == 0;
        }
        catch (Exception e) when (e is IOException or AuthenticationException)
        {
            return true;
        }
    }

    /// <summary>Whom the certificate names that a silo shows to a member.</summary>
    private async Task<string?> SubjectAsync(int port)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        await using var tls = await HandshakeAsync(port, At("client"), limit.Token);
        return tls.RemoteCertificate?.Subject;
    }

    private static async Task<SslStream> HandshakeAsync(int port, string? folder, CancellationToken cancellationToken)
    {
        var tcp = new TcpClient();
        await tcp.ConnectAsync("127.0.0.1", port, cancellationToken);
        using var own = folder is null
            ? null : X509Certificate2.CreateFromPemFile(Path.Combine(folder, "tls.crt"), Path.Combine(folder, "tls.key"));
        var tls = new SslStream(tcp.GetStream());
        await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
        {
            TargetHost = "silo",
            ClientCertificates = own is null ? null : [own],
            RemoteCertificateValidationCallback = (_, _, _, _) => true,
        }, cancellationToken);
        return tls;
    }
}
