using System.Globalization;
using SpadeCluster.Cli.Silo;
using SpadeCluster.Client;
using SpadeCluster.Server;
using SpadeCluster.Server.Security;
using SpadeCluster.Server.Storage;

namespace SpadeCluster.Cluster.Tests.Hosts;

/// <summary>A gateway with extractors, two gallery hosts, and PostgreSQL on a fourth host, for measurements. All of them share this
/// machine's processors.</summary>
internal sealed class ThreeHosts : IAsyncDisposable
{
    public const byte Client = 1, Gateway = 11, Gallery1 = 31, Gallery2 = 32, Database = 41;
    public const int Shards = 2, Replicas = 2;

    private readonly string _folder = Directory.CreateTempSubdirectory("spade-three-").FullName;
    private readonly List<SiloHost> _silos = [];
    private HostDatabase? _database;
    private string _key = "";

    private ThreeHosts()
    {
    }

    public HostLinks Network { get; } = new(Client);

    public static async Task<ThreeHosts> StartAsync()
    {
        var hosts = new ThreeHosts();
        try
        {
            await hosts.StartSilosAsync();
            return hosts;
        }
        catch
        {
            await hosts.DisposeAsync();
            throw;
        }
    }

    public SpadeClient Connect() => new(new SpadeClientOptions
    {
        Addresses = { new Uri($"http://{HostNetwork.Address(Gateway)}:5000") },
        Headers = { ["authorization"] = $"Bearer {_key}" },
        Deadline = TimeSpan.FromMinutes(2),
    });

    /// <summary>What has been used so far.</summary>
    public HostUse Use()
    {
        double gateway = _silos[0].ProcessorTime.TotalMilliseconds;
        double galleries = _silos.Skip(1).Sum(s => s.ProcessorTime.TotalMilliseconds);
        return new HostUse(gateway, galleries, MachineMs() - gateway - galleries, Network.BytesSent(Client, Gateway),
            Network.BytesSent(Gateway, Gallery1) + Network.BytesSent(Gateway, Gallery2),
            Network.BytesSent(Gallery1, Gateway) + Network.BytesSent(Gallery2, Gateway));
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var silo in _silos) await silo.DisposeAsync();
        _database?.Dispose();
        Network.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private async Task StartSilosAsync()
    {
        // Readable for PostgreSQL's user too.
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(_folder, (UnixFileMode)0b111_101_101);
        Network.Add(Database);
        _database = new HostDatabase(Path.Combine(_folder, "postgres"), Database);
        await using (var keys = ServerDatabase.Open(new ServerOptions { Database = _database.ConnectionString }))
            (_key, _) = await new ApiKeyStore(keys, TimeProvider.System).CreateAsync("test", Role.Engineer, []);
        using var authority = new ClusterAuthority("hosts", TimeSpan.FromDays(1));
        foreach (var (host, name, roles) in new[]
        {
            (Gateway, "gateway", "gateway,extractor"), (Gallery1, "gallery-1", "gallery"), (Gallery2, "gallery-2", "gallery"),
        })
        {
            Network.Add(host);
            var settings = SiloHost.OnPostgres(_database, authority, name, roles, _folder);
            // As the plan has it: one thread for a tile, and an extractor slot for each processor.
            settings["Spade:Devices"] = string.Join(',', Enumerable.Repeat("cpu", Environment.ProcessorCount));
            settings["Spade:Cluster:Threads"] = "1";
            settings["Spade:Cluster:Shards"] = Shards.ToString(CultureInfo.InvariantCulture);
            settings["Spade:Cluster:Replicas"] = Replicas.ToString(CultureInfo.InvariantCulture);
            settings["Spade:Http:Keep"] = nameof(KeepPictures.None);
            var silo = new SiloHost(name, host, settings, Path.Combine(_folder, $"{name}.log"));
            _silos.Add(silo);
            await silo.StartReadyAsync();
        }
    }

    /// <summary>Milliseconds that the machine's processors have been busy, with all programs.</summary>
    private static double MachineMs()
    {
        const int Idle = 3, Waiting = 4, Kinds = 7, MsPerTick = 10;
        string[] ticks = File.ReadLines("/proc/stat").First().Split(' ', StringSplitOptions.RemoveEmptyEntries)[1..];
        return MsPerTick * Enumerable.Range(0, Kinds).Where(k => k is not (Idle or Waiting))
            .Sum(k => double.Parse(ticks[k], CultureInfo.InvariantCulture));
    }
}

/// <summary>Processor milliseconds, and bytes over TCP between roles.</summary>
/// <param name="OtherMs">Of all programs that are no silo: client, switch, PostgreSQL.</param>
/// <param name="ToGateway">From the client.</param>
internal sealed record HostUse(double GatewayMs, double GalleryMs, double OtherMs, double ToGateway, double ToGalleries,
    double FromGalleries)
{
    /// <summary>Of each image since an earlier time.</summary>
    public HostUse Since(HostUse before, int images) => new((GatewayMs - before.GatewayMs) / images,
        (GalleryMs - before.GalleryMs) / images, (OtherMs - before.OtherMs) / images, (ToGateway - before.ToGateway) / images,
        (ToGalleries - before.ToGalleries) / images, (FromGalleries - before.FromGalleries) / images);
}
