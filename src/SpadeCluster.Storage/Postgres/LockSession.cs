using Npgsql;

namespace SpadeCluster.Storage.Postgres;

/// <summary>A session with advisory locks, which end with it. The server ends it when its process ends for any reason.</summary>
internal sealed class LockSession : IDisposable
{
    private LockSession(NpgsqlConnection connection) => Connection = connection;

    public NpgsqlConnection Connection { get; }

    /// <param name="wait">How long to wait for a lock: the server takes a moment to end the session of a killed process.</param>
    public static async ValueTask<LockSession> OpenAsync(NpgsqlDataSource database, TimeSpan wait, CancellationToken cancellationToken)
    {
        var session = new LockSession(await database.OpenConnectionAsync(cancellationToken));
        try
        {
            await session.Connection.ExecuteAsync($"set lock_timeout = {Math.Max(1, (int)wait.TotalMilliseconds)}", cancellationToken);
            return session;
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    /// <summary>Takes one lock exclusively.</summary>
    /// <returns>Null if another session holds it.</returns>
    public static async ValueTask<LockSession?> TryTakeAsync(NpgsqlDataSource database, long key, TimeSpan wait,
        CancellationToken cancellationToken)
    {
        var session = await OpenAsync(database, wait, cancellationToken);
        try
        {
            await session.Connection.ExecuteAsync("select pg_advisory_lock($1)", cancellationToken, key);
            return session;
        }
        catch (Exception e)
        {
            session.Dispose();
            if (e is PostgresException { SqlState: PostgresErrorCodes.LockNotAvailable }) return null;
            throw;
        }
    }

    /// <summary>Takes those of <paramref name="keys"/> exclusively that no other session holds, without waiting.</summary>
    /// <returns>The positions of those taken in <paramref name="keys"/>.</returns>
    public static async ValueTask<(IReadOnlyList<int> Taken, LockSession Session)> TakeFreeAsync(NpgsqlDataSource database, long[] keys,
        CancellationToken cancellationToken)
    {
        var session = await OpenAsync(database, TimeSpan.Zero, cancellationToken);
        try
        {
            await using var command = session.Connection.Command(
                "select position::int, pg_try_advisory_lock(key) from unnest($1) with ordinality as asked (key, position)", keys);
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            var taken = new List<int>(keys.Length);
            while (await reader.ReadAsync(cancellationToken))
                if (reader.GetBoolean(1)) taken.Add(reader.GetInt32(0) - 1);
            return (taken, session);
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        try
        {
            // Released explicitly: the pool resets a returned connection only when it is used again.
            using var command = Connection.Command("select pg_advisory_unlock_all(); reset lock_timeout");
            command.ExecuteNonQuery();
        }
        catch (Exception e) when (e is NpgsqlException or InvalidOperationException)
        {
            // The session has ended, and so have its locks.
        }
        Connection.Dispose();
    }
}
