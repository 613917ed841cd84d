using SpadeCluster.Server.Admission;
using System.Net;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging;
using SpadeCluster.Client;
using SpadeCluster.Galleries;
using SpadeCluster.Server.Grpc;
using SpadeCluster.Scoring;

namespace SpadeCluster.Cluster.Tests.Support;

/// <summary>gRPC over any services, on loopback.</summary>
internal sealed class TestGateway : IAsyncDisposable
{
    private readonly WebApplication _app;

    private TestGateway(WebApplication app)
    {
        _app = app;
        Address = app.Urls.First();
        Channel = GrpcChannel.ForAddress(Address);
        Client = new SpadeClient(Address);
    }

    public string Address { get; }
    public GrpcChannel Channel { get; }
    public SpadeClient Client { get; }
    public IServiceProvider Services => _app.Services;

    public static async Task<TestGateway> StartAsync(IScoringService scoring, IGalleryServices galleries, IVersionWatch versions,
        Action<AdmissionOptions>? limits = null, Action<GrpcOptions>? configure = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(k => k.Listen(IPAddress.Loopback, 0, l => l.Protocols = HttpProtocols.Http2));
        builder.Services.AddSpadeGrpc().AddSingleton(scoring).AddSingleton(galleries).AddSingleton(versions);
        builder.Services.AddHealthChecks().AddCheck("test", () => HealthCheckResult.Healthy());
        if (limits is not null) builder.Services.Configure(limits);
        if (configure is not null) builder.Services.Configure(configure);
        var app = builder.Build();
        app.MapSpadeGrpc();
        await app.StartAsync();
        return new TestGateway(app);
    }

    /// <summary>Over services in this process: the door does not know what is behind it.</summary>
    public static Task<TestGateway> StartStandaloneAsync(IGalleryStore store, FakeEngines engines, Action<AdmissionOptions>? limits = null,
        Action<GrpcOptions>? configure = null)
    {
        var told = WatchedStore.Over(store, out var watched);
        return StartAsync(new ScoringService(told, engines), new Authored(told, engines), new StoreWatch(told, watched), limits, configure);
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        Channel.Dispose();
        await _app.StopAsync();
        await _app.DisposeAsync();
    }

    private sealed class Authored(IGalleryStore store, FakeEngines engines) : IGalleryServices
    {
        public IGalleryService For(string author) => new GalleryService(store, engines, author);
    }

    /// <summary>Told by the store.</summary>
    private sealed class StoreWatch(IGalleryStore store, WatchedStore watched) : IVersionWatch
    {
        public async ValueTask<int> WaitAsync(string category, int? seen, CancellationToken cancellationToken = default)
        {
            int? version = null;
            await watched.WhenAsync(async () =>
                (version = await store.ReadCurrentVersionAsync(category, cancellationToken)) != seen || version is null, cancellationToken);
            return version ?? throw new SpadeException(SpadeError.NotFound, $"no category '{category}'");
        }
    }
}
