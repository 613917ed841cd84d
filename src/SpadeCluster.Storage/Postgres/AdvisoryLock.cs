using Npgsql;

namespace SpadeCluster.Storage.Postgres;

/// <summary>An advisory lock and the session that holds it. The server releases it when the session ends for any reason.</summary>
internal sealed class AdvisoryLock : IDisposable
{
    private readonly NpgsqlConnection _connection;
    private readonly string _release;

    private AdvisoryLock(NpgsqlConnection connection, string release) => (_connection, _release) = (connection, release);

    /// <param name="shared">Whether other sessions may hold it too, if they also share it.</param>
    /// <param name="wait">How long to wait: the server takes a moment to end the session of a killed process.</param>
    /// <returns>Null if another session holds it.</returns>
    public static async ValueTask<AdvisoryLock?> TryTakeAsync(NpgsqlDataSource database, long key, bool shared, TimeSpan wait,
        CancellationToken cancellationToken)
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
            // Released explicitly: the pool resets a returned connection only when it is used again.
            using var command = _connection.Command(_release);
            command.ExecuteNonQuery();
        }
        catch (Exception e) when (e is NpgsqlException or InvalidOperationException)
        {
            // The session has ended, and so has the lock.
        }
        _connection.Dispose();
    }
}
