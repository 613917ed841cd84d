using System.Threading.Channels;
using Microsoft.Data.Sqlite;

namespace SpadeCluster.Server.Storage;

/// <summary>
/// One SQLite file for decisions, feedback, keys and the audit log. All writes go through one thread, which puts whatever is
/// waiting into one transaction and then completes their tasks: a completed write is on the disk, and a hundred waiting ones
/// share one fsync. Readers have their own connections and, in write-ahead mode, wait for nobody.
/// </summary>
public sealed class ServerDatabase : IAsyncDisposable
{
    private const int MaxGroup = 256;

    private readonly string _connectionString;
    private readonly SqliteConnection _connection;
    private readonly Channel<Change> _changes = Channel.CreateUnbounded<Change>(new UnboundedChannelOptions { SingleReader = true });
    private int _waiting;
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <exception cref="SpadeException">Unavailable: the folder cannot be written. FailedPrecondition: a later format.</exception>
    public ServerDatabase(string folder)
    {
        Path = System.IO.Path.Combine(folder, "server.db");
        _connectionString = new SqliteConnectionStringBuilder { DataSource = Path, DefaultTimeout = 10 }.ToString();
        SQLitePCL.Batteries_V2.Init();
        try
        {
            // Keys' hashes and photographs are nobody else's business on a shared machine.
            if (OperatingSystem.IsWindows()) Directory.CreateDirectory(folder);
            else Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            _connection = Open();
            // FULL: a commit has reached the disk, so that an acknowledged decision survives a power cut as well.
            _connection.Execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;");
            Schema.Migrate(_connection, Path);
        }
        catch (Exception e) when (e is SqliteException or IOException or UnauthorizedAccessException)
        {
            _connection?.Dispose();
            throw new SpadeException(SpadeError.Unavailable, $"'{Path}' cannot be opened: {e.Message}; name a writable folder with --data",
                e);
        }
        new Thread(WriteAll) { IsBackground = true, Name = "server database" }.Start();
    }

    public string Path { get; }

    /// <summary>Writes waiting for the disk.</summary>
    public int Waiting => Volatile.Read(ref _waiting);

    /// <summary>Runs a change in the next transaction. The task completes when that is on the disk.</summary>
    /// <exception cref="SpadeException">ResourceExhausted: the disk is full. Unavailable: it failed, or the server is closing.</exception>
    public Task<T> WriteAsync<T>(Func<SqliteConnection, T> change)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        T result = default!;
        var work = new Change(c => result = change(c), () => done.TrySetResult(result), e => done.TrySetException(e));
        Interlocked.Increment(ref _waiting);
        if (_changes.Writer.TryWrite(work)) return done.Task;
        Interlocked.Decrement(ref _waiting);
        return Task.FromException<T>(new SpadeException(SpadeError.Unavailable, "the server is closing"));
    }

    public Task WriteAsync(Action<SqliteConnection> change) => WriteAsync(c =>
    {
        change(c);
        return true;
    });

    /// <summary>Reads on a connection of its own.</summary>
    public T Read<T>(Func<SqliteConnection, T> query)
    {
        try
        {
            using var connection = Open();
            return query(connection);
        }
        catch (SqliteException e)
        {
            throw Explain(e);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!_changes.Writer.TryComplete()) return;
        await _ended.Task;
        _connection.Dispose();
        SqliteConnection.ClearAllPools();
    }

    private SqliteConnection Open()
    {
        var connection = new SqliteConnection(_connectionString);
        connection.Open();
        return connection;
    }

    private void WriteAll()
    {
        var group = new List<Change>(MaxGroup);
        while (_changes.Reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
        {
            group.Clear();
            while (group.Count < MaxGroup && _changes.Reader.TryRead(out var change)) group.Add(change);
            Commit(group);
            Interlocked.Add(ref _waiting, -group.Count);
        }
        _ended.SetResult();
    }

    private void Commit(List<Change> group)
    {
        var good = new List<Change>(group.Count);
        try
        {
            using var transaction = _connection.BeginTransaction(deferred: false);
            foreach (var change in group)
            {
                // A savepoint each: a change that is refused takes nothing with it.
                transaction.Save("one");
                try
                {
                    change.Run(_connection);
                    transaction.Release("one");
                    good.Add(change);
                }
                catch (Exception e) when (e is SpadeException or SqliteException { SqliteErrorCode: Refused })
                {
                    transaction.Rollback("one");
                    change.Fail(e is SqliteException s ? Explain(s) : e);
                }
            }
            transaction.Commit();
        }
        catch (Exception e)
        {
            // Whatever it was, nobody may wait for ever, and the thread must live on for the next group.
            var told = e is SqliteException s
                ? Explain(s) : new SpadeException(SpadeError.Unavailable, $"'{Path}' could not be written: {e.Message}", e);
            foreach (var change in group) change.Fail(told);
            return;
        }
        foreach (var change in good) change.Succeed();
    }

    private const int Damaged = 11, Full = 13, Refused = 19, NotADatabase = 26;

    private SpadeException Explain(SqliteException e) => e.SqliteErrorCode switch
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

    private sealed record Change(Action<SqliteConnection> Run, Action Succeed, Action<Exception> Fail);
}
