using Npgsql;
using SpadeCluster.Cli.Silo;
using SpadeCluster.Client;
using SpadeCluster.Cluster.Tests.Processes;
using SpadeCluster.Galleries;
using SpadeCluster.Inference.BuiltIn;
using SpadeCluster.Scoring;
using SpadeCluster.Server;
using SpadeCluster.Server.Security;
using SpadeCluster.Server.Storage;
using SpadeCluster.Storage.Postgres;
using SpadeCluster.Tests;

namespace SpadeCluster.Cluster.Tests.Hosts;

/// <summary>
/// A cluster on six hosts: two gateways, one of them with an extractor, an extractor, two gallery hosts and PostgreSQL, which has the
/// members, the galleries, the keys and the decisions. Silos use mutual TLS; the shards have two replicas.
/// </summary>
public sealed class HostCluster : IAsyncLifetime
{
    internal const byte Gateway1 = 11, Gateway2 = 12, Extractor = 21, Gallery1 = 31, Gallery2 = 32, Database = 41;
    internal const string Category = "plate";

    private readonly string _folder = Directory.CreateTempSubdirectory("spade-hosts").FullName;
    private readonly Dictionary<byte, SiloHost> _silos = [];
    private HostDatabase? _database;
    private TemporaryDisk? _disk;
    private string _key = "";

    internal HostNetwork Network { get; private set; } = null!;
    internal IReadOnlyDictionary<byte, SiloHost> Silos => _silos;
    internal PostgresGalleryStore Store { get; private set; } = null!;
    internal IReadOnlyList<ImageSource> Photos { get; } = Support.Photos.Mixed(6);
    internal HostDatabase Postgres => _database!;

    /// <summary>Scores of the photographs by one process alone.</summary>
    internal IReadOnlyList<ImageScore> Expected { get; private set; } = [];

    internal StandaloneEngines Engines { get; } = new();

    /// <summary>Folder of the gateway in use, on a small disk of its own.</summary>
    internal string DataOfGateway1 => Path.Combine(_folder, "data-gateway-1");

    public async Task InitializeAsync()
    {
        if (HostsFactAttribute.Missing is not null) return;
        try
        {
            await StartAsync();
        }
        catch
        {
            await DisposeAsync();
            throw;
        }
    }

    /// <summary>A client that repeats calls, of these gateways.</summary>
    internal SpadeClient Client(params byte[] gateways)
    {
        var options = new SpadeClientOptions
        {
            Deadline = TimeSpan.FromMinutes(4),
            Concurrency = 4,
            Headers = { ["authorization"] = Authorization }
        };
        foreach (byte gateway in gateways) options.Addresses.Add(GatewayAddress(gateway));
        return new SpadeClient(options);
    }

    internal string Authorization => $"Bearer {_key}";

    internal static Uri GatewayAddress(byte gateway) => new($"http://{HostNetwork.Address(gateway)}:5000");

    /// <summary>Waits until every silo is ready and an active member, and no other one is.</summary>
    internal async Task WholeAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(3));
        string state = "";
        while (!limit.IsCancellationRequested)
        {
            var notReady = new List<string>();
            foreach (var silo in _silos.Values) if (!await silo.IsReadyAsync()) notReady.Add(silo.Name);
            long members = notReady.Count == 0 ? await MembersAsync() : 0;
            if (members == _silos.Count) return;
            state = $"not ready: {string.Join(", ", notReady)}; {members} active members";
            await Task.Delay(100);
        }
        throw new TimeoutException($"the cluster should be whole again ({state})");
    }

    public async Task DisposeAsync()
    {
        // The silos' process groups end with them, whatever the network is like.
        foreach (var silo in _silos.Values) await silo.DisposeAsync();
        KeepLogs();
        Store?.Dispose();
        _database?.Dispose();
        _disk?.Dispose();
        Network?.Dispose();
        Engines.Dispose();
        NpgsqlConnection.ClearAllPools();
        Directory.Delete(_folder, recursive: true);
    }

    private async Task StartAsync()
    {
        // Readable for PostgreSQL's user too.
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(_folder, (UnixFileMode)0b111_101_101);
        Network = new HostNetwork();
        Network.Add(Database);
        _disk = new TemporaryDisk("16m", DataOfGateway1);
        _database = new HostDatabase(Path.Combine(_folder, "postgres"), Database);
        await using (var keys = ServerDatabase.Open(new ServerOptions { Database = _database.ConnectionString }))
            (_key, _) = await new ApiKeyStore(keys, TimeProvider.System).CreateAsync("test", Role.Engineer, []);
        using var authority = new ClusterAuthority("hosts", TimeSpan.FromDays(1));
        foreach (var (host, name, roles) in new[]
        {
            (Gateway1, "gateway-1", "gateway"), (Gateway2, "gateway-2", "gateway,extractor"), (Extractor, "extractor", "extractor"),
            (Gallery1, "gallery-1", "gallery"), (Gallery2, "gallery-2", "gallery"),
        })
        {
            Network.Add(host);
            var settings = SiloHost.OnPostgres(_database, authority, name, roles, _folder);
            settings["Spade:DefaultModel"] = BuiltInModels.OrientedEnergy;
            var silo = _silos[host] = new SiloHost(name, host, settings, Path.Combine(_folder, $"{name}.log"));
            await silo.StartReadyAsync();
        }
        Store = new PostgresGalleryStore(_database.ConnectionString);
        var normals = Support.Photos.Normals(8);
        using var client = Client(Gateway1, Gateway2);
        await client.AddNormalsAsync(Category, normals, "tester");
        var options = new ScoringOptions { Alpha = 0.2 };
        await client.CalibrateAsync(Category, options, "tester");

        var store = new InMemoryGalleryStore();
        var alone = new GalleryService(store, Engines, "tester");
        await alone.AddAsync(Category, normals);
        await alone.CalibrateAsync(Category, options);
        using var standalone = new ScoringService(store, Engines);
        var expected = new List<ImageScore>();
        foreach (var photo in Photos) expected.Add(ImageScore.Of(await standalone.ScoreAsync(Category, photo)));
        Expected = expected;
    }

    private void KeepLogs()
    {
        if (Environment.GetEnvironmentVariable("SPADE_TEST_LOGS") is not { Length: > 0 } keep) return;
        foreach (string log in Directory.EnumerateFiles(_folder, "*.log"))
            File.Copy(log, Path.Combine(keep, Path.GetFileName(log)), overwrite: true);
        if (_database is not null) File.Copy(_database.Log, Path.Combine(keep, "postgres.log"), overwrite: true);
    }

    private async Task<long> MembersAsync()
    {
        try
        {
            await using var connection = new NpgsqlConnection(_database!.ConnectionString);
            await connection.OpenAsync();
            await using var command = new NpgsqlCommand("SELECT count(*) FROM spade_silo WHERE status = 3", connection);
            return (long)(await command.ExecuteScalarAsync())!;
        }
        catch (NpgsqlException)
        {
            return -1;
        }
    }
}
