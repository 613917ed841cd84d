using Microsoft.Extensions.Diagnostics.HealthChecks;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Scoring;
using SpadeCluster.Server;
using SpadeCluster.Server.Admission;
using SpadeCluster.Server.Grpc;
using SpadeCluster.Server.Telemetry;

namespace SpadeCluster.Cli.Silo;

/// <summary>
/// A gateway of a cluster: the server - gRPC, HTTP API, Open Inference, console - over the cluster's grains. With members in
/// PostgreSQL, keys, audit log and decisions are there too, shared by all gateways.
/// </summary>
internal sealed class GatewayServer : IHostedService, IAsyncDisposable
{
    private readonly IReadOnlyList<string> _urls;
    private readonly WebApplication _server;

    /// <summary>Created before any service starts, so that a forbidden address stops the silo before it joins the cluster.</summary>
    /// <exception cref="SpadeException">As <see cref="SpadeServer.Create"/>.</exception>
    public GatewayServer(IConfiguration configuration, IServiceProvider gateway)
    {
        var section = configuration.GetSection(SiloOptions.Section);
        var silo = section.Get<SiloOptions>()!;
        var options = silo.Server(section.GetSection("Http").Get<ServerOptions>() ?? new());
        _urls = [.. options.Urls, .. options.GrpcUrls];
        _server = SpadeServer.Create(options, builder =>
        {
            var services = builder.Services;
            Share<IScoringService>();
            Share<IVersionScoring>();
            Share<IGalleryServices>();
            Share<IVersionWatch>();
            Share<IEngineStatus>();
            Share<ISnapshots>();
            Share<TelemetryExport>();
            if (silo.OrleansDashboard)
            {
                Share<IGrainFactory>();
                services.AddOrleansPages();
            }
            services.Configure<GrpcOptions>(section.GetSection("Grpc"));
            // A gateway computes little itself, so it scores as many images at once as it admits.
            services.Configure<AdmissionOptions>(o => o.Slots = o.MaxRequests);
            services.Configure<AdmissionOptions>(section.GetSection("Admission"));
            services.Configure<HostOptions>(o => o.ShutdownTimeout = silo.DrainTime + TimeSpan.FromSeconds(10));
            // gRPC's health service has the status of the silo.
            services.AddHealthChecks().Add(new HealthCheckRegistration("silo",
                _ => ActivatorUtilities.CreateInstance<SiloHealth>(gateway), null, null));

            void Share<T>() where T : class => services.AddSingleton(gateway.GetRequiredService<T>());
        });
        if (silo.OrleansDashboard) _server.MapOrleansPages();
    }

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        try
        {
            await _server.StartAsync(cancellationToken);
        }
        catch (IOException e)
        {
            throw new SpadeException(SpadeError.Unavailable, $"cannot listen on {string.Join(", ", _urls)}: {e.Message}", e);
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => _server.StopAsync(cancellationToken);

    public ValueTask DisposeAsync() => _server.DisposeAsync();
}
