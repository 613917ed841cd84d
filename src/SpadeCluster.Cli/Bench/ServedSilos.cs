using System.Diagnostics;
using System.Globalization;
using SpadeCluster.Cli.Commands.Cluster;
using SpadeCluster.Cli.Composition;
using SpadeCluster.Cli.Silo;
using SpadeCluster.Cluster.Placement;

namespace SpadeCluster.Cli.Bench;

/// <summary>Silos as processes of their own, with TLS over loopback: one with all roles, or a gateway with extractors and gallery
/// silos.</summary>
internal sealed class ServedSilos : IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("spade-bench-").FullName;
    private readonly SiloProcess[] _silos;
    private readonly List<Process> _running = [];

    private ServedSilos(int count) => _silos = count == 1 ? [SiloProcess.New("silo", string.Join(',', SiloRole.All))]
        : [SiloProcess.New("gateway", $"{SiloRole.Gateway},{SiloRole.Extractor}"),
            .. Enumerable.Range(1, count - 1).Select(n => SiloProcess.New($"gallery-{n}", SiloRole.Gallery))];

    /// <summary>The gateway's gRPC address, HOST:PORT.</summary>
    public string Address => $"127.0.0.1:{_silos[0].GrpcPort.ToString(CultureInfo.InvariantCulture)}";

    /// <summary>Processor time that the gallery silos have used; of one silo with all roles, all of its time.</summary>
    public TimeSpan GalleryTime
    {
        get
        {
            var used = TimeSpan.Zero;
            foreach (var process in _running.Skip(Math.Min(1, _silos.Length - 1)))
            {
                process.Refresh();
                used += process.TotalProcessorTime;
            }
            return used;
        }
    }

    /// <param name="galleries">Folder of the galleries.</param>
    /// <param name="model">As the option --model; null: the default model.</param>
    /// <param name="threads">Threads for one image; 0: its share of the processors.</param>
    /// <exception cref="SpadeException">Unavailable: a silo ended, or was not ready in time; with the end of its log.</exception>
    public static async Task<ServedSilos> StartAsync(int silos, string galleries, string? model, string device, int threads,
        CancellationToken cancellationToken)
    {
        var served = new ServedSilos(silos);
        try
        {
            using var authority = new ClusterAuthority("bench", TimeSpan.FromDays(1));
            // As many slots as 'spade serve' has.
            int slots = device == ExtractorSettings.Cpu ? Math.Max(1, Environment.ProcessorCount / Math.Max(1, threads)) : 1;
            // The first one keeps the list of members.
            foreach (var silo in served._silos)
            {
                string folder = Path.Combine(served._folder, silo.Name), log = folder + ".log";
                authority.Issue(folder, silo.Name);
                var settings = new Dictionary<string, string>
                {
                    ["Spade:PrimaryPort"] = served._silos[0].SiloPort.ToString(CultureInfo.InvariantCulture),
                    ["Spade:TlsFolder"] = folder,
                    ["Spade:Galleries"] = galleries,
                    ["Spade:Devices"] = string.Join(',', Enumerable.Repeat(device, slots)),
                    ["Spade:Threads"] = threads.ToString(CultureInfo.InvariantCulture),
                    ["Spade:Cluster:Threads"] = threads.ToString(CultureInfo.InvariantCulture),
                    ["Spade:Cluster:Shards"] = Math.Max(1, silos - 1).ToString(CultureInfo.InvariantCulture),
                    ["Spade:Http:DataFolder"] = folder,
                    ["Spade:Http:Keep"] = nameof(Server.KeepPictures.None),
                };
                if (model is not null) settings["Spade:DefaultModel"] = Directory.Exists(model) ? Path.GetFullPath(model) : model;
                var process = silo.Start(typeof(ServedSilos).Assembly.Location, settings, log);
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
