using Npgsql;

namespace SpadeCluster.Storage.Postgres;

/// <summary>
/// All shared advisory locks of a store, in one session: a silo pins as many versions as it has open, for days, and a connection for each
/// would leave none for reading. Safe for concurrent calls.
/// </summary>
/// <param name="wait">How long to wait for a lock, and others with it: only a version that is just being deleted is held otherwise.</param>
internal sealed class SharedLocks(NpgsqlDataSource database, TimeSpan wait) : IDisposable
{
    private readonly SemaphoreSlim _turn = new(1);
    private readonly Dictionary<long, int> _held = [];
    private LockSession? _session;

    /// <returns>Null if another session holds it exclusively.</returns>
    public async ValueTask<IDisposable?> TryTakeAsync(long key, CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken);
        try
        {
            // Not cancelled: a lock that is granted while its statement is cancelled would never be released.
            await LockAsync(key);
            _held[key] = _held.GetValueOrDefault(key) + 1;
            return new Lock(this, key);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.LockNotAvailable)
        {
            return null;
        }
        finally
        {
            _turn.Release();
        }
    }

    public void Dispose() => _session?.Dispose();

    private async ValueTask LockAsync(long key)
    {
        bool fresh = _session is null;
        try
        {
            _session ??= await OpenAsync();
            await _session.Connection.ExecuteAsync("select pg_advisory_lock_shared($1)", default, key);
        }
        catch (NpgsqlException e) when (e is not PostgresException { SqlState: PostgresErrorCodes.LockNotAvailable })
        {
            // A session that ended is noticed when it is used: once more with a new one.
            End();
            if (fresh) throw;
            await LockAsync(key);
        }
    }

    /// <summary>A session with all locks that are held. A lock that somebody else has taken since is lost.</summary>
    private async ValueTask<LockSession> OpenAsync()
    {
        var session = await LockSession.OpenAsync(database, wait, default);
        try
        {
            await session.Connection.ExecuteAsync("select pg_try_advisory_lock_shared(key) from unnest($1) as held (key)", default,
                _held.SelectMany(h => Enumerable.Repeat(h.Key, h.Value)).ToArray());
            return session;
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    private void Release(long key)
    {
        _turn.Wait();
        try
        {
            if (--_held[key] == 0) _held.Remove(key);
            if (_session is null) return;
            using var command = _session.Connection.Command("select pg_advisory_unlock_shared($1)", key);
            command.ExecuteNonQuery();
        }
        catch (Exception e) when (e is NpgsqlException or InvalidOperationException)
        {
            // The session has ended, and so have its locks. The next lock opens another.
            End();
        }
        finally
        {
            _turn.Release();
        }
    }

    private void End()
    {
        _session?.Dispose();
        _session = null;
    }

    private sealed class Lock(SharedLocks locks, long key) : IDisposable
    {
        private int _released;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _released, 1) == 0) locks.Release(key);
        }
    }
}
