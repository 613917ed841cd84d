using System.Diagnostics;
using System.Globalization;
using SpadeCluster.Cli.Commands.Cluster;
using SpadeCluster.Cli.Silo;

namespace SpadeCluster.Cli.Bench;

/// <summary>A gateway with extractors and a gallery silo as processes of their own, with TLS over loopback; one thread for a
/// tile.</summary>
internal sealed class ServedSilos : IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("spade-bench-").FullName;
    private readonly SiloProcess _gateway = SiloProcess.New("gateway", "gateway,extractor"),
        _gallery = SiloProcess.New("gallery", "gallery");
    private readonly List<Process> _running = [];

    private ServedSilos()
    {
    }

    /// <summary>The gateway's gRPC address, HOST:PORT.</summary>
    public string Address => $"127.0.0.1:{_gateway.GrpcPort.ToString(CultureInfo.InvariantCulture)}";

    /// <summary>Processor time that the gallery silo has used.</summary>
    public TimeSpan GalleryTime
    {
        get
        {
            _running[1].Refresh();
            return _running[1].TotalProcessorTime;
        }
    }

    /// <param name="galleries">Folder of the galleries.</param>
    /// <param name="models">Folder of the models.</param>
    /// <exception cref="SpadeException">Unavailable: a silo ended, or was not ready in time; with the end of its log.</exception>
    public static async Task<ServedSilos> StartAsync(string galleries, string models, CancellationToken cancellationToken)
    {
        var served = new ServedSilos();
        try
        {
            using var authority = new ClusterAuthority("calibration", TimeSpan.FromDays(1));
            // The first one keeps the list of members.
            foreach (var silo in new[] { served._gateway, served._gallery })
            {
                string folder = Path.Combine(served._folder, silo.Name), log = folder + ".log";
                authority.Issue(folder, silo.Name);
                var process = silo.Start(typeof(ServedSilos).Assembly.Location, new Dictionary<string, string>
                {
                    ["Spade:PrimaryPort"] = served._gateway.SiloPort.ToString(CultureInfo.InvariantCulture),
                    ["Spade:TlsFolder"] = folder,
                    ["Spade:Galleries"] = galleries,
                    ["Spade:Models"] = models,
                    ["Spade:Devices"] = string.Join(',', Enumerable.Repeat("cpu", Environment.ProcessorCount)),
                    ["Spade:Threads"] = "1",
                    ["Spade:Cluster:Threads"] = "1",
                    ["Spade:Cluster:Shards"] = "1",
                    ["Spade:Http:DataFolder"] = folder,
                    ["Spade:Http:Keep"] = nameof(Server.KeepPictures.None),
                }, log);
                served._running.Add(process);
                await silo.WaitReadyAsync(process, log, cancellationToken);
            }
            return served;
        }
        catch
        {
            await served.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var process in _running)
        {
            if (!process.HasExited) process.Kill();
            await process.WaitForExitAsync();
            process.Dispose();
        }
        Directory.Delete(_folder, recursive: true);
    }
}
