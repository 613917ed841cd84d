using System.Data.Common;
using Microsoft.Data.Sqlite;

namespace SpadeCluster.Server.Storage;

/// <summary>server.db in a folder: the database of a server without a cluster. 'spade key' may write there while it runs.</summary>
public sealed class SqliteDatabase : ServerDatabase
{
    private const int Damaged = 11, Full = 13, Refused = 19, NotADatabase = 26;

    /// <summary>Entries of the audit log are only ever added.</summary>
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
            // Keys' hashes and photographs are nobody else's business on a shared machine.
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

    protected override DbConnection Connect()
    {
        var connection = new SqliteConnection(_connectionString);
        connection.Open();
        // FULL: a commit has reached the disk, so that an acknowledged decision survives a power cut as well.
        connection.Execute("PRAGMA synchronous = FULL");
        return connection;
    }

    protected override void Migrate(DbConnection connection)
    {
        connection.Execute("PRAGMA journal_mode = WAL");
        int version = (int)connection.Scalar<long>("PRAGMA user_version");
        Schema.CheckVersion(version, Location);
        for (; version < Schema.Steps.Count; version++)
        {
            using var transaction = connection.BeginTransaction();
            // Another process may have been faster.
            if (connection.Scalar<long>("PRAGMA user_version") == version)
            {
                Schema.Apply(connection, version, Schema.Steps[version]);
                connection.Execute($"PRAGMA user_version = {version + 1};");
            }
            transaction.Commit();
        }
        connection.Execute(AppendOnly);
    }

    /// <summary>A transaction that writes is the only one of its file.</summary>
    protected override void WaitForTurn(DbConnection connection)
    {
    }

    protected override bool IsRefusal(DbException e) => e is SqliteException { SqliteErrorCode: Refused };

    protected override SpadeException Explain(DbException e) => (e as SqliteException)?.SqliteErrorCode switch
    {
        Full => new SpadeException(SpadeError.ResourceExhausted, $"the disk is full: '{Path}' could not be written; free some space",
            new IOException(e.Message, e)),
        Damaged or NotADatabase =>
        new SpadeException(SpadeError.DataLoss,
            $"'{Path}' is damaged ({e.Message}); restore it from a backup, or move it away to begin anew", e),
        Refused => new SpadeException(SpadeError.FailedPrecondition, $"that is there already, or what it refers to is not ({e.Message})",
            e),
        _ => new SpadeException(SpadeError.Unavailable, $"'{Path}' is not usable now: {e.Message}", e),
    };
}
