using System.Data;
using System.Data.Common;
using System.Threading.Channels;

namespace SpadeCluster.Server.Storage;

/// <summary>
/// Decisions, feedback, keys, sessions and the audit log: a file of one server, or a PostgreSQL database that all gateways of a
/// cluster share. All writes of a server go through one thread, which puts all waiting writes into one transaction and then completes their
/// tasks: a completed write is on the disk, and many writes share one fsync. Transactions of several servers run one after the other, so
/// that rows appear in the order of their ids. Readers do not wait.
/// </summary>
public abstract class ServerDatabase : IAsyncDisposable
{
    private const int MaxGroup = 256;

    /// <summary>Changes after which the database is tidied.</summary>
    private const int TidyAfter = 16;

    private readonly Channel<Change> _changes = Channel.CreateUnbounded<Change>(new UnboundedChannelOptions { SingleReader = true });
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private DbConnection? _writer;
    private int _waiting;

    /// <summary>The database of a server: PostgreSQL if the options name it, otherwise the file in its folder, which is created.</summary>
    /// <exception cref="SpadeException">Unavailable: it cannot be opened. FailedPrecondition: a later format.</exception>
    public static ServerDatabase Open(ServerOptions options)
        => options.Database is { } connection ? new PostgresDatabase(connection) : new SqliteDatabase(options.DataFolder);

    /// <summary>Its name in messages.</summary>
    public abstract string Location { get; }

    /// <summary>Writes waiting for the disk.</summary>
    public int Waiting => Volatile.Read(ref _waiting);

    /// <summary>Runs a change in the next transaction. The task completes when that is on the disk.</summary>
    /// <exception cref="SpadeException">Unavailable: it failed, its disk is full, or the server is closing.</exception>
    public Task<T> WriteAsync<T>(Func<DbConnection, T> change)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        T result = default!;
        var work = new Change(c => result = change(c), () => done.TrySetResult(result), e => done.TrySetException(e));
        Interlocked.Increment(ref _waiting);
        if (_changes.Writer.TryWrite(work)) return done.Task;
        Interlocked.Decrement(ref _waiting);
        return Task.FromException<T>(new SpadeException(SpadeError.Unavailable, "the server is closing"));
    }

    public Task WriteAsync(Action<DbConnection> change) => WriteAsync(c =>
    {
        change(c);
        return true;
    });

    /// <summary>Reads on a connection of its own.</summary>
    /// <exception cref="SpadeException">Unavailable: it cannot be read now. DataLoss: it is damaged.</exception>
    public T Read<T>(Func<DbConnection, T> query)
    {
        try
        {
            using var connection = Connect();
            return query(connection);
        }
        catch (DbException e)
        {
            throw Explain(e);
        }
    }

    /// <summary>Takes a lease, which ends with this process at the latest; null: another server has it.</summary>
    /// <exception cref="SpadeException">Unavailable: the database cannot be used now.</exception>
    public abstract ILease? TryLease(string name);

    public virtual async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (!_changes.Writer.TryComplete()) return;
        await _ended.Task;
        _writer?.Dispose();
    }

    /// <summary>Updates the tables, then allows writes.</summary>
    protected void Begin()
    {
        using (var connection = Connect()) Migrate(connection);
        new Thread(WriteAll) { IsBackground = true, Name = "server database" }.Start();
    }

    protected abstract void Migrate(DbConnection connection);

    /// <summary>An open connection.</summary>
    protected abstract DbConnection Connect();

    /// <summary>Called first in a writing transaction; returns when no other server has one.</summary>
    protected abstract void WaitForTurn(DbConnection connection);

    /// <summary>Whether a change was refused by a constraint, which does not affect the other changes of its transaction.</summary>
    protected abstract bool IsRefusal(DbException e);

    protected abstract SpadeException Explain(DbException e);

    /// <summary>Work that a write need not wait for; called now and then between transactions.</summary>
    protected virtual void Tidy(DbConnection connection)
    {
    }

    private void WriteAll()
    {
        var group = new List<Change>(MaxGroup);
        int untidied = 0;
        while (_changes.Reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
        {
            group.Clear();
            while (group.Count < MaxGroup && _changes.Reader.TryRead(out var change)) group.Add(change);
            Commit(group);
            Interlocked.Add(ref _waiting, -group.Count);
            untidied += group.Count;
            if (untidied < TidyAfter || _writer is null) continue;
            untidied = 0;
            try
            {
                Tidy(_writer);
            }
            catch (DbException)
            {
                // The next write meets the same problem, and its caller is told.
            }
        }
        _ended.SetResult();
    }

    private void Commit(List<Change> group)
    {
        var good = new List<Change>(group.Count);
        try
        {
            if (_writer is { State: not ConnectionState.Open }) CloseWriter();
            _writer ??= Connect();
            using var transaction = _writer.BeginTransaction();
            WaitForTurn(_writer);
            foreach (var change in group)
            {
                // A savepoint for each, so that a refused change does not affect the others.
                transaction.Save("one");
                try
                {
                    change.Run(_writer);
                    transaction.Release("one");
                    good.Add(change);
                }
                catch (Exception e) when (e is SpadeException || (e is DbException refused && IsRefusal(refused)))
                {
                    transaction.Rollback("one");
                    change.Fail(e is DbException database ? Explain(database) : e);
                }
            }
            transaction.Commit();
        }
        catch (Exception e)
        {
            // After any failure the waiting tasks must end, and the thread must continue.
            CloseWriter();
            var told = e is DbException database ? Explain(database)
                : new SpadeException(SpadeError.Unavailable, $"{Location} could not be written: {e.Message}", e);
            foreach (var change in group) change.Fail(told);
            return;
        }
        foreach (var change in good) change.Succeed();
    }

    private void CloseWriter()
    {
        _writer?.Dispose();
        _writer = null;
    }

    private sealed record Change(Action<DbConnection> Run, Action Succeed, Action<Exception> Fail);
}
