using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using SpadeCluster.Client;
using SpadeCluster.Cluster.Tests.Support;
using SpadeCluster.Galleries;

namespace SpadeCluster.Cluster.Tests.Client;

/// <summary>The client as a service of an application, and with authentication.</summary>
public sealed class ClientHostingTests
{
    [Fact]
    public async Task An_application_gets_one_client_from_its_services()
    {
        var (store, engines) = (new InMemoryGalleryStore(), new FakeEngines(new FakeExtractor()));
        await new GalleryService(store, engines, "test").AddAsync("plate", Photos.Normals(4));
        await using var gateway = await TestGateway.StartStandaloneAsync(store, engines);
        await using var services =
            new ServiceCollection().AddSpadeClient(o => o.Addresses.Add(new Uri(gateway.Address))).AddSingleton<Inspection>()
            .BuildServiceProvider();
        Assert.Equal("photo0.ppm", await services.GetRequiredService<Inspection>().InspectAsync(Photos.Mixed(1)[0]));
        Assert.Same(services.GetRequiredService<SpadeClient>(), services.GetRequiredService<SpadeClient>());
    }

    [Fact]
    public async Task Headers_and_a_client_certificate_are_shown_to_the_server()
    {
        using var server = Certificate("localhost");
        using var camera = Certificate("camera 7");
        var seen = new TaskCompletionSource<(string? Authorization, string? Certificate)>();
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration().ConfigureKestrel(k => k.Listen(IPAddress.Loopback, 0, l =>
        {
            l.Protocols = HttpProtocols.Http2;
            l.UseHttps(new HttpsConnectionAdapterOptions
            {
                ServerCertificate = server,
                ClientCertificateMode = ClientCertificateMode.RequireCertificate,
                ClientCertificateValidation = (_, _, _) => true
            });
        }));
        await using var app = builder.Build();
        app.Run(context =>
        {
            seen.TrySetResult((context.Request.Headers.Authorization, context.Connection.ClientCertificate?.Thumbprint));
            context.Response.ContentType = "application/grpc";
            context.Response.Headers["grpc-status"] = "5";
            context.Response.Headers["grpc-message"] = "nothing here";
            return Task.CompletedTask;
        });
        await app.StartAsync();
        await using var services = new ServiceCollection().AddSpadeClient(o =>
        {
            o.Addresses.Add(new Uri(app.Urls.First()));
            o.Headers["authorization"] = "Bearer secret";
            o.ConfigureHandler = h => h.SslOptions = new SslClientAuthenticationOptions
            {
                ClientCertificates = [camera],
                RemoteCertificateValidationCallback = (_, shown, _, _) => shown!.GetCertHashString() == server.Thumbprint,
            };
        }).BuildServiceProvider();
        var e = await Assert.ThrowsAsync<SpadeException>(() => services.GetRequiredService<SpadeClient>().GetGalleryAsync("plate"));
        Assert.Equal((SpadeError.NotFound, "nothing here"), (e.Error, e.Message));
        Assert.Equal(("Bearer secret", camera.Thumbprint), await seen.Task);
    }

    private sealed class Inspection(SpadeClient spade)
    {
        public async Task<string> InspectAsync(ImageSource photo) => (await spade.ScoreAsync("plate", photo)).File;
    }

    private static X509Certificate2 Certificate(string name)
    {
        using var key = RSA.Create(2048);
        using var made = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
            .CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        return X509CertificateLoader.LoadPkcs12(made.Export(X509ContentType.Pfx), null);
    }
}
