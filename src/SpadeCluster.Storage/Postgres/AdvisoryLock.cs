using Npgsql;

namespace SpadeCluster.Storage.Postgres;

/// <summary>An advisory lock and the session that holds it. The server releases it when the session ends, however it ends.</summary>
internal sealed class AdvisoryLock : IDisposable
{
    private readonly NpgsqlConnection _connection;
    private readonly string _release;

    private AdvisoryLock(NpgsqlConnection connection, string release) => (_connection, _release) = (connection, release);

    /// <returns>Null where another session holds it.</returns>
    /// <param name="shared">Whether others may hold it too, if shared.</param>
    /// <param name="wait">How long to wait: a killed process's session takes the server a moment to end.</param>
    public static async ValueTask<AdvisoryLock?> TryTakeAsync(NpgsqlDataSource database, long key, bool shared, TimeSpan wait, CancellationToken cancellationToken)
    {
        string mode = shared ? "_shared" : "";
        var connection = await database.OpenConnectionAsync(cancellationToken);
        try
        {
            await connection.ExecuteAsync($"set lock_timeout = {Math.Max(1, (int)wait.TotalMilliseconds)}", cancellationToken);
            await connection.ExecuteAsync($"select pg_advisory_lock{mode}($1)", cancellationToken, key);
            return new AdvisoryLock(connection, $"select pg_advisory_unlock{mode}({key}); reset lock_timeout");
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.LockNotAvailable)
        {
            await connection.ExecuteAsync("reset lock_timeout", cancellationToken);
            await connection.DisposeAsync();
            return null;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    public void Dispose()
    {
        try
        {
            // Said at once: a connection that goes back to the pool is cleaned only when it is used again.
            using var command = _connection.Command(_release);
            command.ExecuteNonQuery();
        }
        catch (Exception e) when (e is NpgsqlException or InvalidOperationException)
        {
            // The session is gone, and the lock with it.
        }
        _connection.Dispose();
    }
}
