using Microsoft.Extensions.Options;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Scoring;
using SpadeCluster.Server;
using SpadeCluster.Server.Admission;
using SpadeCluster.Server.Galleries;

namespace SpadeCluster.Cli.Silo;

/// <summary>
/// The server - HTTP API, Open Inference, console - on a gateway of a cluster. Its decisions, keys and audit log are this gateway's;
/// it shares the gateway's limits with its gRPC.
/// </summary>
internal sealed class GatewayServer : IHostedService, IAsyncDisposable
{
    private readonly IReadOnlyList<string> _urls;
    private readonly WebApplication _server;

    /// <summary>Made before any service starts: an address that must not be listened on keeps the silo out of the cluster.</summary>
    /// <exception cref="SpadeException">As <see cref="SpadeServer.Create"/>.</exception>
    public GatewayServer(IConfiguration configuration, IServiceProvider gateway)
    {
        var section = configuration.GetSection(SiloOptions.Section);
        _urls = section.Get<SiloOptions>()!.HttpUrlList;
        var options = (section.GetSection("Http").Get<ServerOptions>() ?? new()) with { Urls = _urls };
        _server = SpadeServer.Create(options, builder =>
        {
            Share<IScoringService>();
            Share<IGalleryServices>();
            Share<IVersionWatch>();
            Share<IEngineStatus>();
            Share<ISnapshots>();
            Share<IOptions<AdmissionOptions>>();
            Share<AdmissionControl>();
            Share<ScoringSlots>();

            void Share<T>() where T : class => builder.Services.AddSingleton(gateway.GetRequiredService<T>());
        });
    }

    public Recalibration Recalibration => _server.Services.GetRequiredService<Recalibration>();

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
