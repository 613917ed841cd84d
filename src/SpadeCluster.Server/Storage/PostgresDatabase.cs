using System.Data.Common;
using Npgsql;

namespace SpadeCluster.Server.Storage;

/// <summary>Schema spade_server of a PostgreSQL database: one set of keys, one audit log and one decision log for all gateways.</summary>
public sealed class PostgresDatabase : ServerDatabase
{
    private const string SchemaName = "spade_server";

    /// <summary>Any number that no other program uses for locks in the database.</summary>
    private const long WriterLock = 0x5350414445_01;

    private const int LeaseSpace = 0x53504144;

    private const string Utilities = """
        CREATE FUNCTION instr(whole text, part text) RETURNS integer LANGUAGE sql IMMUTABLE RETURN strpos(whole, part);
        """;

    private readonly NpgsqlDataSource _database;

    /// <param name="connectionString">Npgsql's format. The user needs the right to create a schema, unless it exists and is up to
    /// date.</param>
    /// <exception cref="SpadeException">Unavailable: the database cannot be reached or refuses. FailedPrecondition: the schema of a later
    /// program.</exception>
    public PostgresDatabase(string connectionString)
    {
        var settings = new NpgsqlConnectionStringBuilder(connectionString) { SearchPath = SchemaName };
        Location = $"database {settings.Database} on {settings.Host}";
        _database = NpgsqlDataSource.Create(settings);
        try
        {
            Begin();
        }
        catch (DbException e)
        {
            _database.Dispose();
            throw Explain(e);
        }
    }

    public override string Location { get; }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        await _database.DisposeAsync();
    }

    /// <summary>An advisory lock of a connection: PostgreSQL releases it when the server is gone, or cannot be reached for 25
    /// seconds.</summary>
    public override ILease? TryLease(string name)
    {
        AdvisoryLock? lease = null;
        DbConnection? connection = null;
        try
        {
            connection = _database.OpenConnection();
            connection.Execute("SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3");
            if (connection.Scalar<bool>("SELECT pg_try_advisory_lock($space, hashtext($name))", ("$space", LeaseSpace), ("$name", name)))
                lease = new AdvisoryLock(connection);
            return lease;
        }
        catch (DbException e)
        {
            throw Explain(e);
        }
        finally
        {
            if (lease is null) connection?.Dispose();
        }
    }

    protected override DbConnection Connect() => _database.OpenConnection();

    protected override void Migrate(DbConnection connection)
    {
        if (Version() == Schema.Steps.Count) return;
        using var transaction = connection.BeginTransaction();
        // One process at a time, so that two do not create the same tables.
        WaitForTurn(connection);
        connection.Execute($"CREATE SCHEMA IF NOT EXISTS {SchemaName}; "
            + "CREATE TABLE IF NOT EXISTS format (version BIGINT PRIMARY KEY)");
        int version = Version();
        Schema.CheckVersion(version, Location);
        if (version == 0) connection.Execute(Utilities);
        for (; version < Schema.Steps.Count; version++)
        {
            Schema.Apply(connection, version, Dialect(Schema.Steps[version]));
            connection.Execute("INSERT INTO format (version) VALUES ($version)", ("$version", (long)version + 1));
        }
        // Entries are only added: even the owner cannot change one without granting itself the right first.
        connection.Execute("REVOKE UPDATE, DELETE, TRUNCATE ON audit FROM CURRENT_USER; REVOKE ALL ON ALL TABLES IN SCHEMA "
            + $"{SchemaName} FROM PUBLIC");
        transaction.Commit();

        int Version() => connection.Scalar<bool>("SELECT to_regclass('format') IS NOT NULL")
            ? (int)connection.Scalar<long>("SELECT coalesce(max(version), 0) FROM format") : 0;
    }

    protected override void WaitForTurn(DbConnection connection) => connection.Execute($"SELECT pg_advisory_xact_lock({WriterLock})");

    protected override bool IsRefusal(DbException e) => e is PostgresException { SqlState: ['2', '3', ..] };

    protected override SpadeException Explain(DbException e) => e is PostgresException { SqlState: var state } ? state switch
    {
        // Unavailable: no photograph is at fault, so clients wait and repeat their calls.
        PostgresErrorCodes.DiskFull => new SpadeException(SpadeError.Unavailable,
            $"the disk of {Location} is full; free some space", e)
        { StorageFull = true },
        PostgresErrorCodes.DataCorrupted or PostgresErrorCodes.IndexCorrupted =>
            new SpadeException(SpadeError.DataLoss, $"{Location} is damaged ({e.Message}); restore it from a backup", e),
        ['2', '3', ..] => new SpadeException(SpadeError.FailedPrecondition,
            $"it exists already, or refers to something that does not exist ({e.Message})", e),
        _ => new SpadeException(SpadeError.Unavailable, $"{Location} cannot be used now: {e.Message}", e),
    } : new SpadeException(SpadeError.Unavailable, $"{Location} is not usable now: {e.Message}", e);

    /// <summary>Converts the schema from SQLite's types.</summary>
    private static string Dialect(string step) => step
        .Replace("INTEGER PRIMARY KEY AUTOINCREMENT", "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY", StringComparison.Ordinal)
        .Replace("INTEGER", "BIGINT", StringComparison.Ordinal).Replace("BLOB", "BYTEA", StringComparison.Ordinal)
        .Replace("REAL", "DOUBLE PRECISION", StringComparison.Ordinal);

    private sealed class AdvisoryLock(DbConnection connection) : ILease
    {
        private readonly Lock _one = new();

        public bool IsHeld()
        {
            try
            {
                // While the connection lives, so does its lock.
                lock (_one) return connection.Scalar<int>("SELECT 1") == 1;
            }
            catch (Exception e) when (e is DbException or InvalidOperationException)
            {
                return false;
            }
        }

        public void Dispose() => connection.Dispose();
    }
}
