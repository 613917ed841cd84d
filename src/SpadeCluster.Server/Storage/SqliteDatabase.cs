using System.Data.Common;
using Microsoft.Data.Sqlite;

namespace SpadeCluster.Server.Storage;

/// <summary>server.db in a folder: the database of a server without a cluster. 'spade key' may write there while it runs.</summary>
public sealed class SqliteDatabase : ServerDatabase
{
    private const int Damaged = 11, Full = 13, Refused = 19, NotADatabase = 26;

    /// <summary>16 MB.</summary>
    private const int LargestLogPages = 4000;

    /// <summary>Forbids changes of audit entries.</summary>
    private const string AppendOnly = """
        CREATE TRIGGER IF NOT EXISTS audit_unchanged BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'entries are only added'); END;
        CREATE TRIGGER IF NOT EXISTS audit_kept BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'entries are only added'); END;
        """;

    private readonly string _connectionString;

    /// <exception cref="SpadeException">Unavailable: the folder cannot be written. FailedPrecondition: a later format.</exception>
    public SqliteDatabase(string folder)
    {
        Path = PathIn(folder);
        _connectionString = new SqliteConnectionStringBuilder { DataSource = Path, DefaultTimeout = 10, ForeignKeys = true }.ToString();
        SQLitePCL.Batteries_V2.Init();
        try
        {
            // Other users of the machine must not read keys' hashes and photographs.
            if (OperatingSystem.IsWindows()) Directory.CreateDirectory(folder);
            else Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            Begin();
        }
        catch (Exception e) when (e is SqliteException or IOException or UnauthorizedAccessException)
        {
            throw new SpadeException(SpadeError.Unavailable, $"'{Path}' cannot be opened: {e.Message}; name a writable folder with --data",
                e);
        }
    }

    public string Path { get; }

    public override string Location => $"'{Path}'";

    public static string PathIn(string folder) => System.IO.Path.Combine(folder, "server.db");

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        SqliteConnection.ClearAllPools();
    }

    /// <summary>A file has one server.</summary>
    public override ILease TryLease(string name) => new OnlyServer();

    protected override DbConnection Connect()
    {
        var connection = new SqliteConnection(_connectionString);
        connection.Open();
        // FULL: a commit is on the disk, so that an acknowledged decision survives a power failure.
        connection.Execute("PRAGMA synchronous = FULL");
        // Moving the log into the database takes many times as long as a commit: a commit does it only if Tidy has no time to.
        connection.Execute($"PRAGMA wal_autocheckpoint = {LargestLogPages}");
        return connection;
    }

    /// <summary>Moves the log into the database.</summary>
    protected override void Tidy(DbConnection connection) => connection.Query("PRAGMA wal_checkpoint(PASSIVE)", r => r.GetInt64(0));

    protected override void Migrate(DbConnection connection)
    {
        connection.Execute("PRAGMA journal_mode = WAL");
        int version = (int)connection.Scalar<long>("PRAGMA user_version");
        Schema.CheckVersion(version, Location);
        for (; version < Schema.Steps.Count; version++)
        {
            using var transaction = connection.BeginTransaction();
            // Another process may have done it.
            if (connection.Scalar<long>("PRAGMA user_version") == version)
            {
                Schema.Apply(connection, version, Schema.Steps[version]);
                connection.Execute($"PRAGMA user_version = {version + 1};");
            }
            transaction.Commit();
        }
        connection.Execute(AppendOnly);
    }

    /// <summary>A writing transaction is the only one of its file.</summary>
    protected override void WaitForTurn(DbConnection connection)
    {
    }

    protected override bool IsRefusal(DbException e) => e is SqliteException { SqliteErrorCode: Refused };

    protected override SpadeException Explain(DbException e) => (e as SqliteException)?.SqliteErrorCode switch
    {
        // Unavailable: no photograph is at fault, so clients wait and repeat their calls.
        Full => new SpadeException(SpadeError.Unavailable, $"the disk is full: '{Path}' could not be written; free some space", e)
        { StorageFull = true },
        Damaged or NotADatabase =>
        new SpadeException(SpadeError.DataLoss,
            $"'{Path}' is damaged ({e.Message}); restore it from a backup, or move it away to start with a new one", e),
        Refused => new SpadeException(SpadeError.FailedPrecondition,
            $"it exists already, or refers to something that does not exist ({e.Message})",
            e),
        _ => new SpadeException(SpadeError.Unavailable, $"'{Path}' cannot be used now: {e.Message}", e),
    };

    private sealed class OnlyServer : ILease
    {
        public bool IsHeld() => true;

        public void Dispose()
        {
        }
    }
}
