using System.Diagnostics;
using Npgsql;
using SpadeCluster.Tests;

namespace SpadeCluster.Storage.Tests.Support;

/// <summary>A private PostgreSQL server in a temporary folder, reached through a socket there and deleted after the tests.</summary>
public sealed class PostgresCluster : IDisposable
{
    private static readonly string? BinFolder = FindBin();

    private readonly string _folder = Directory.CreateTempSubdirectory("spade-pg-").FullName;
    private TemporaryDisk? _disk;
    private bool _started;
    private int _schemas;

    /// <summary>Why tests cannot start a server; null if they can.</summary>
    public static string? Missing { get; } = BinFolder is null ? "needs PostgreSQL (Debian: apt-get install postgresql)" : null;

    /// <summary>Size of a separate disk for the data without the write-ahead log, as an option of mount; null: no such disk.</summary>
    internal string? DataDisk { get; init; }

    internal string DataFolder => $"{_folder}/data";

    /// <summary>Connects to a new, empty schema.</summary>
    public string NewSchema()
    {
        lock (this)
        {
            if (!_started) Start();
            string schema = $"s{++_schemas}", server = $"Host={_folder};Username=postgres;Database=postgres;Maximum Pool Size=20";
            using var source = NpgsqlDataSource.Create(server);
            using var command = source.CreateCommand($"create schema {schema}");
            command.ExecuteNonQuery();
            return $"{server};Search Path={schema}";
        }
    }

    public void Dispose()
    {
        if (_started) Run("pg_ctl", "-D", DataFolder, "-m", "immediate", "-w", "stop");
        _disk?.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private void Start()
    {
        if (DataDisk is not null) _disk = new TemporaryDisk(DataDisk, DataFolder);
        if (Environment.UserName == "root") Exec("chown", ["postgres", _folder, .. DataDisk is null ? [] : new[] { DataFolder }]);
        Run("initdb", "-D", DataFolder, "-X", $"{_folder}/wal", "-A", "trust", "-U", "postgres", "--no-sync");
        Run("pg_ctl", "-D", DataFolder, "-w", "-l", $"{_folder}/log", "-o", $"-k {_folder} -c listen_addresses='' -c max_connections=300",
            "start");
        _started = true;
    }

    /// <summary>Runs one of the server's programs; as user postgres if this is root, because PostgreSQL refuses root.</summary>
    private static void Run(string program, params string[] arguments)
    {
        program = Path.Combine(BinFolder!, program);
        if (Environment.UserName == "root")
            Exec("setpriv", ["--reuid=postgres", "--regid=postgres", "--clear-groups", program, .. arguments]);
        else Exec(program, arguments);
    }

    private static void Exec(string program, params string[] arguments)
    {
        // Output goes to no pipe: the server would inherit it and never close it.
        using var process = Process.Start(new ProcessStartInfo("/bin/sh",
            ["-c", "exec \"$@\" >/dev/null 2>&1 </dev/null", "sh", program, .. arguments])
        { WorkingDirectory = "/" })!;
        if (!process.WaitForExit(TimeSpan.FromMinutes(1)))
            throw new TimeoutException($"{program} {string.Join(' ', arguments)} did not end");
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} failed with {process.ExitCode}");
    }

    /// <summary>Debian keeps the programs of each version in a folder outside PATH.</summary>
    private static string? FindBin()
    {
        var installed = Directory.Exists("/usr/lib/postgresql") ? Directory.EnumerateDirectories("/usr/lib/postgresql") : [];
        var path = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator);
        return installed.OrderDescending().Select(d => Path.Combine(d, "bin")).Concat(path)
            .FirstOrDefault(d => new[] { "initdb", "pg_ctl", "postgres" }.All(p => File.Exists(Path.Combine(d, p))));
    }
}

/// <summary>A test that is skipped without PostgreSQL.</summary>
public sealed class PostgresFactAttribute : FactAttribute
{
    public PostgresFactAttribute() => Skip = PostgresCluster.Missing;
}

[CollectionDefinition(Name)]
public sealed class StoresCollection : ICollectionFixture<PostgresCluster>
{
    public const string Name = "stores";
}
