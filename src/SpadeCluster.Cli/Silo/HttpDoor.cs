using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Imaging;
using SpadeCluster.Scoring;
using SpadeCluster.Server;
using SpadeCluster.Storage;
using SpadeCluster.Storage.Snapshots;

namespace SpadeCluster.Cli.Silo;

/// <summary>
/// The server of `spade serve` - HTTP API, Open Inference, console - on a gateway, over the cluster instead of an engine of its
/// own. Its decisions, keys and audit log are this gateway's.
/// </summary>
internal sealed class HttpDoor : IHostedService, IAsyncDisposable
{
    /// <summary>A gateway computes little itself: as many images at once as its gRPC door admits.</summary>
    private const int Slots = 64;

    private readonly IReadOnlyList<string> _urls;
    private readonly WebApplication _server;

    /// <summary>Made before any service starts: what may not be opened keeps the silo out of the cluster.</summary>
    /// <exception cref="SpadeException">As <see cref="SpadeServer.Create(ServerOptions, ServerParts)"/>.</exception>
    public HttpDoor(IConfiguration configuration, IScoringService scoring, IGalleryServices galleries, IFeatureEngines engines, DeviceEngines devices, GalleryStore store)
    {
        var section = configuration.GetSection(SiloOptions.Section);
        _urls = section.Get<SiloOptions>()!.HttpUrlList;
        var options = (section.GetSection("Http").Get<ServerOptions>() ?? new()) with { Urls = _urls, HostTelemetry = true };
        if (section["Http:Slots"] is null) options = options with { Slots = Slots };
        _server = SpadeServer.Create(options, new ServerParts(scoring, galleries.For, () => [engines.Default.Extractor.Model],
            (category, path, stop) => Snapshot.ExportAsync(store, category, path, stop), ImageReader.Default, () => [.. devices.Health]));
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
