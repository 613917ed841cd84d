using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using SpadeCluster.Client;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Scoring;
using SpadeCluster.Server;
using SpadeCluster.Server.Admission;
using SpadeCluster.Server.Grpc;

namespace SpadeCluster.Cluster.Tests.Support;

/// <summary>The server's gRPC over any services, on loopback, without keys.</summary>
internal sealed class TestGateway : IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("spade-gateway-").FullName;
    private readonly WebApplication _app;

    private TestGateway(Action<IServiceCollection> services)
    {
        var options = new ServerOptions { Urls = [], GrpcUrls = ["http://127.0.0.1:0"], DataFolder = _folder, Keep = KeepPictures.None };
        _app = SpadeServer.Create(options, builder => services(builder.Services));
    }

    public string Address { get; private set; } = "";
    public GrpcChannel Channel { get; private set; } = null!;
    public SpadeClient Client { get; private set; } = null!;
    public IServiceProvider Services => _app.Services;

    public static async Task<TestGateway> StartAsync(IScoringService scoring, IGalleryServices galleries, IVersionWatch versions,
        Action<AdmissionOptions>? limits = null, Action<GrpcOptions>? configure = null)
    {
        var gateway = new TestGateway(services =>
        {
            services.AddSingleton(scoring).AddSingleton(galleries).AddSingleton(versions);
            services.AddSingleton(scoring as IVersionScoring ?? new NoVersions());
            services.AddSingleton<IEngineStatus, NoEngine>().AddSingleton<ISnapshots, NoSnapshots>();
            services.AddHealthChecks().AddCheck("test", () => HealthCheckResult.Healthy());
            if (limits is not null) services.Configure(limits);
            if (configure is not null) services.Configure(configure);
        });
        await gateway._app.StartAsync();
        gateway.Address = gateway._app.Urls.First();
        gateway.Channel = GrpcChannel.ForAddress(gateway.Address);
        gateway.Client = new SpadeClient(gateway.Address);
        return gateway;
    }

    /// <summary>Over services in this process: the gateway does not depend on how they are implemented.</summary>
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
        Directory.Delete(_folder, recursive: true);
    }

    private sealed class NoVersions : IVersionScoring
    {
        public ValueTask<ScoredImage> ScoreAsync(string category, int version, ImageSource source,
            CancellationToken cancellationToken = default) => throw new NotSupportedException();
    }

    private sealed class NoEngine : IEngineStatus
    {
        public IReadOnlyList<ExtractorHealth> Extractors => [];
        public GalleryMemory? Memory => null;

        public ValueTask<IReadOnlyList<FeatureModel>> ListModelsAsync(CancellationToken cancellationToken = default) => new([]);
    }

    private sealed class NoSnapshots : ISnapshots
    {
        public ValueTask ExportAsync(string category, string path, long reserve, CancellationToken cancellationToken = default) =>
            throw new NotSupportedException();

        public ValueTask<GalleryManifest> ImportAsync(string category, string path, string author,
            CancellationToken cancellationToken = default) => throw new NotSupportedException();
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
