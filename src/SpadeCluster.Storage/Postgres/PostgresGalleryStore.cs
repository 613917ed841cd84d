using System.Data;
using Npgsql;
using SpadeCluster.Galleries;
using SpadeCluster.Storage.Format;

namespace SpadeCluster.Storage.Postgres;

/// <summary>
/// Galleries in a PostgreSQL database (tables spade_*), for many machines at once. A segment is committed before a manifest
/// names it; versions are published in one transaction. The writer's lock and pins are advisory locks. All pins share one connection; a
/// writer's lock and a compaction hold one each.
/// </summary>
public sealed class PostgresGalleryStore : GalleryStore, IDisposable
{
    private static readonly TimeSpan LockWait = TimeSpan.FromSeconds(2);

    private readonly NpgsqlDataSource _database;
    private readonly SharedLocks _pins;
    private readonly SemaphoreSlim _migrating = new(1);
    private volatile bool _migrated;

    /// <param name="connectionString">Npgsql's format: "Host=...;Database=...;Username=...". The user needs the right to create
    /// tables.</param>
    public PostgresGalleryStore(string connectionString)
    {
        var named = new NpgsqlConnectionStringBuilder(connectionString);
        Location = $"database {named.Database} on {named.Host}";
        _database = NpgsqlDataSource.Create(named);
        _pins = new(_database, LockWait);
    }

    public override string Location { get; }

    public override long? FreeBytes => null;

    private protected override ValueTask<IReadOnlyList<(string Category, int? Version)>> ListCurrentVersionsAsync(
        CancellationToken cancellationToken)
        => RunAsync<IReadOnlyList<(string, int?)>>(async connection =>
        {
            await using var command = connection.Command("select category, max(version) from spade_version group by category");
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            var current = new List<(string Category, int? Version)>();
            while (await reader.ReadAsync(cancellationToken)) current.Add((reader.GetString(0), reader.GetInt32(1)));
            return [.. current.OrderBy(c => c.Category, StringComparer.Ordinal)];
        }, cancellationToken);

    public override ValueTask<int?> ReadCurrentVersionAsync(string category, CancellationToken cancellationToken = default)
        => RunAsync(connection => CurrentAsync(connection, category, cancellationToken), cancellationToken);

    public override ValueTask<IReadOnlyList<int>> ListVersionsAsync(string category, CancellationToken cancellationToken = default)
        => RunAsync<IReadOnlyList<int>>(async connection =>
            await ColumnAsync<int>(connection, "select version from spade_version where category = $1 order by version", cancellationToken,
                category), cancellationToken);

    public override async ValueTask<IDisposable> PinAsync(string category, int version, CancellationToken cancellationToken = default)
    {
        long key = AdvisoryKey.OfVersion(category, version);
        var pin = await LockedAsync(() => _pins.TryTakeAsync(key, cancellationToken), cancellationToken)
            ?? throw NoVersion(category, version);
        try
        {
            // Read after pinning: a pinned version cannot be deleted.
            if (await ReadManifestAsync(category, version, cancellationToken) is not null) return pin;
            throw NoVersion(category, version);
        }
        catch
        {
            pin.Dispose();
            throw;
        }
    }

    public override async ValueTask<IDisposable> LockAsync(string category, CancellationToken cancellationToken = default)
        => await LockedAsync(() => LockSession.TryTakeAsync(_database, AdvisoryKey.OfWriter(CategoryName.Check(category)), LockWait,
            cancellationToken), cancellationToken)
            ?? throw new SpadeException(SpadeError.FailedPrecondition,
                $"category '{category}' is being changed by another process; try again when it is done");

    public void Dispose()
    {
        _pins.Dispose();
        _database.Dispose();
    }

    public override ValueTask PublishAsync(string category, int? after, IReadOnlyList<GalleryManifest> next,
        CancellationToken cancellationToken = default)
        => InTransactionAsync(category, async connection =>
        {
            // The writer's lock is lost if its connection breaks; these checks are valid without it.
            int? current = await CurrentAsync(connection, category, cancellationToken);
            if (current != after) throw Overtaken(category, next[0].Version, current);
            var stored = (await ColumnAsync<long>(
                connection, "select id from spade_image where category = $1", cancellationToken, category)).ToHashSet();
            foreach (var id in next.SelectMany(m => GalleryTiles.Of(m).Ids))
                if (!stored.Contains((long)id.Value)) throw Missing(category, id);
            await CopyPrefixesAsync(connection, category, next[^1], again: false, cancellationToken);
            foreach (var manifest in next)
                await connection.ExecuteAsync("insert into spade_version (category, version, manifest) values ($1, $2, $3)",
                    cancellationToken, category, manifest.Version, ManifestFile.Write(manifest));
            return 0;
        }, cancellationToken);

    internal override ValueTask<ManifestStamp?> ReadManifestStampAsync(string category, int version, CancellationToken cancellationToken)
        => RunAsync<ManifestStamp?>(async connection =>
        {
            // The transaction that wrote the row, and the length: the database knows both without reading the manifest.
            await using var command = connection.Command(
                "select xmin::text, octet_length(manifest) from spade_version where category = $1 and version = $2", category, version);
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            return await reader.ReadAsync(cancellationToken) ? new(reader.GetString(0), reader.GetInt32(1)) : null;
        }, cancellationToken);

    internal override ValueTask<byte[]?> ReadManifestAsync(string category, int version, CancellationToken cancellationToken)
        => RunAsync(connection =>
            connection.ScalarAsync<byte[]>("select manifest from spade_version where category = $1 and version = $2", cancellationToken,
                category, version), cancellationToken);

    internal override async ValueTask<ISegmentSource> OpenAsync(string category, ImageId id, CancellationToken cancellationToken)
    {
        var connection = await ConnectAsync(cancellationToken);
        try
        {
            // All reads of the segment see the same rows, also while it is compressed.
            await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancellationToken);
            long? length = await connection.ScalarAsync<long?>("select length from spade_image where category = $1 and id = $2",
                cancellationToken, category, (long)id.Value);
            return length is { } bytes ? new PostgresSegment(connection, category, (long)id.Value, bytes) : throw Missing(category, id);
        }
        catch (Exception e)
        {
            await connection.DisposeAsync();
            if (e is NpgsqlException n) throw Explain(n);
            throw;
        }
    }

    internal override async ValueTask ReadPrefixesAsync(string category, IReadOnlyList<ImageId> ids, int length,
        Action<int, ReadOnlyMemory<byte>, long> received, CancellationToken cancellationToken)
    {
        var missing = new HashSet<int>(Enumerable.Range(0, ids.Count));
        if (length <= PostgresSegment.ChunkLength)
        {
            // One statement for all: thousands of round trips would take seconds.
            await RunAsync(async connection =>
            {
                await using var command = connection.Command(
                    """
                    select asked.position::int, image.length, substring(chunk.data for $3)
                    from unnest($2) with ordinality as asked (id, position)
                    join spade_image image on image.category = $1 and image.id = asked.id
                    join spade_chunk chunk on chunk.category = $1 and chunk.id = asked.id and chunk.n = 0
                    """, category, ids.Select(id => (long)id.Value).ToArray(), length);
                await using var reader = await command.ExecuteReaderAsync(CommandBehavior.SequentialAccess, cancellationToken);
                while (await reader.ReadAsync(cancellationToken))
                {
                    int position = reader.GetInt32(0) - 1;
                    long total = reader.GetInt64(1);
                    received(position, reader.GetFieldValue<byte[]>(2), total);
                    missing.Remove(position);
                }
                return 0;
            }, cancellationToken);
        }
        var buffer = new byte[length];
        foreach (int position in missing)
        {
            using var source = await OpenAsync(category, ids[position], cancellationToken);
            received(position, buffer.AsMemory(0, await source.ReadAsync(0, buffer, cancellationToken)), source.Length);
        }
    }

    internal override async ValueTask<bool> ReadCopiesAsync(string category, IReadOnlyList<ImageId> ids, int length,
        Action<int, ReadOnlyMemory<byte>> received, CancellationToken cancellationToken)
        => await RunAsync(async connection =>
        {
            await using var command = connection.Command(
                """
                select asked.position::int, copy.data from unnest($2) with ordinality as asked (id, position)
                join spade_front copy on copy.category = $1 and copy.id = asked.id
                """, category, ids.Select(id => (long)id.Value).ToArray());
            await using var reader = await command.ExecuteReaderAsync(CommandBehavior.SequentialAccess, cancellationToken);
            while (await reader.ReadAsync(cancellationToken)) received(reader.GetInt32(0) - 1, reader.GetFieldValue<byte[]>(1));
            return true;
        }, cancellationToken);

    internal override ValueTask WriteCopiesAsync(string category, GalleryManifest? before, GalleryManifest next,
        CancellationToken cancellationToken)
        => InTransactionAsync(category, async connection =>
            await CopyPrefixesAsync(connection, category, next, again: true, cancellationToken), cancellationToken);

    /// <param name="again">Whether existing copies are compared with their segments too, and replaced if they differ.</param>
    private static ValueTask<int> CopyPrefixesAsync(NpgsqlConnection connection, string category, GalleryManifest version, bool again,
        CancellationToken cancellationToken)
        => PrefixLength(version.Model) > PostgresSegment.ChunkLength ? ValueTask.FromResult(0) : connection.ExecuteAsync(
            $"""
            insert into spade_front (category, id, data)
            select category, id, substring(data for $3) from spade_chunk c where category = $1 and id = any ($2) and n = 0
            {(again ? "" : "and not exists (select from spade_front f where f.category = c.category and f.id = c.id)")}
            on conflict (category, id) do update set data = excluded.data where spade_front.data <> excluded.data
            """, cancellationToken, category, GalleryTiles.Of(version).Ids.Select(i => (long)i.Value).ToArray(),
            PrefixLength(version.Model));

    internal override ValueTask WriteSegmentAsync(string category, ImageId id, byte[] segment, CancellationToken cancellationToken)
        => InTransactionAsync(category, async connection =>
        {
            await connection.ExecuteAsync("delete from spade_image where category = $1 and id = $2", cancellationToken, category,
                (long)id.Value);
            await connection.ExecuteAsync("insert into spade_image (category, id, length) values ($1, $2, $3)", cancellationToken, category,
                (long)id.Value, (long)segment.Length);
            for (int n = 0; (long)n * PostgresSegment.ChunkLength < segment.Length; n++)
            {
                int at = n * PostgresSegment.ChunkLength;
                var chunk = segment.AsMemory(at, Math.Min(PostgresSegment.ChunkLength, segment.Length - at));
                await connection.ExecuteAsync("insert into spade_chunk (category, id, n, data) values ($1, $2, $3, $4)", cancellationToken,
                    category, (long)id.Value, n, chunk);
                FaultPoint.Pass($"inserted chunk {n} of {id}");
            }
            return 0;
        }, cancellationToken);

    internal override async ValueTask<(IReadOnlyList<int> Held, IDisposable Hold)> HoldAsync(string category, IReadOnlyList<int> versions,
        CancellationToken cancellationToken)
    {
        long[] keys = [.. versions.Select(v => AdvisoryKey.OfVersion(category, v))];
        var (taken, locks) = await LockedAsync(() => LockSession.TakeFreeAsync(_database, keys, cancellationToken), cancellationToken);
        return ([.. taken.Select(i => versions[i])], locks);
    }

    internal override async ValueTask<(int Images, long Bytes)> DeleteAsync(string category, IReadOnlyCollection<int> versions,
        IReadOnlySet<ImageId> needed, CancellationToken cancellationToken)
    {
        var (images, bytes) = (0, 0L);
        await InTransactionAsync(category, async connection =>
        {
            await connection.ExecuteAsync("delete from spade_version where category = $1 and version = any ($2)", cancellationToken,
                category, versions.ToArray());
            FaultPoint.Pass($"deleted versions of {category}");
            await using var command =
                connection.Command("delete from spade_image where category = $1 and not id = any ($2) returning length", category,
                    needed.Select(id => (long)id.Value).ToArray());
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            while (await reader.ReadAsync(cancellationToken)) (images, bytes) = (images + 1, bytes + reader.GetInt64(0));
            return 0;
        }, cancellationToken);
        return (images, bytes);
    }

    internal override string Where(string category, int version) => $"version {version} of category '{category}' in the database";

    internal override string WhereCopies(string category) => $"spade_front of category '{category}' in the database";

    internal override string Where(string category, ImageId id) => $"image {id} of category '{category}' in the database";

    internal static SpadeException Explain(NpgsqlException e) => e.SqlState switch
    {
        PostgresErrorCodes.DiskFull =>
            new SpadeException(SpadeError.ResourceExhausted,
                $"the database's disk is full ({What(e)}); free some space and try again; the stored data is unchanged", e)
            { StorageFull = true },
        PostgresErrorCodes.ReadOnlySqlTransaction or PostgresErrorCodes.InsufficientPrivilege
            => new SpadeException(SpadeError.Unavailable,
                $"the gallery database cannot be written ({What(e)}); use another database or another user; the stored data is "
                + $"unchanged", e),
        _ => new SpadeException(SpadeError.Unavailable, $"the gallery database failed: {What(e)}", e),
    };

    private static string What(NpgsqlException e) =>
        e is PostgresException p ? p.MessageText : e.InnerException is { } inner ? $"{e.Message} ({inner.Message})" : e.Message;

    private static ValueTask<int?> CurrentAsync(NpgsqlConnection connection, string category, CancellationToken cancellationToken)
        => connection.ScalarAsync<int?>("select max(version) from spade_version where category = $1", cancellationToken, category);

    private static async ValueTask<List<T>> ColumnAsync<T>(NpgsqlConnection connection, string text, CancellationToken cancellationToken,
        params object[] values)
    {
        var column = new List<T>();
        await using var command = connection.Command(text, values);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken)) column.Add(reader.GetFieldValue<T>(0));
        return column;
    }

    private async ValueTask<T> LockedAsync<T>(Func<ValueTask<T>> take, CancellationToken cancellationToken)
    {
        await MigrateAsync(cancellationToken);
        try
        {
            return await take();
        }
        catch (NpgsqlException e)
        {
            throw Explain(e);
        }
    }

    /// <summary>Runs one change of a category at a time: compaction must not delete images that a publish has just checked.</summary>
    private async ValueTask InTransactionAsync(string category, Func<NpgsqlConnection, ValueTask<int>> work,
        CancellationToken cancellationToken)
        => await RunAsync(async connection =>
        {
            await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
            await connection.ExecuteAsync("select pg_advisory_xact_lock($1)", cancellationToken, AdvisoryKey.Of($"change of {category}"));
            await work(connection);
            FaultPoint.Pass($"before commit in {category}");
            await transaction.CommitAsync(cancellationToken);
            FaultPoint.Pass($"committed in {category}");
            return 0;
        }, cancellationToken);

    private async ValueTask<T> RunAsync<T>(Func<NpgsqlConnection, ValueTask<T>> work, CancellationToken cancellationToken)
    {
        await using var connection = await ConnectAsync(cancellationToken);
        try
        {
            return await work(connection);
        }
        catch (NpgsqlException e)
        {
            throw Explain(e);
        }
    }

    private async ValueTask<NpgsqlConnection> ConnectAsync(CancellationToken cancellationToken)
    {
        await MigrateAsync(cancellationToken);
        try
        {
            return await _database.OpenConnectionAsync(cancellationToken);
        }
        catch (NpgsqlException e)
        {
            throw Explain(e);
        }
    }

    private async ValueTask MigrateAsync(CancellationToken cancellationToken)
    {
        if (_migrated) return;
        await _migrating.WaitAsync(cancellationToken);
        try
        {
            if (!_migrated) await Migration.ApplyAsync(_database, cancellationToken);
            _migrated = true;
        }
        catch (PostgresException e)
            when (e.SqlState is PostgresErrorCodes.ReadOnlySqlTransaction or PostgresErrorCodes.InsufficientPrivilege)
        {
            throw new SpadeException(SpadeError.FailedPrecondition,
                $"the gallery tables are missing or of an earlier program, and this user may not create them ({e.MessageText}): run 'spade "
                + $"gallery list' once as a user with the right to create tables", e);
        }
        catch (NpgsqlException e)
        {
            throw Explain(e);
        }
        finally
        {
            _migrating.Release();
        }
    }
}
