using System.Globalization;
using Npgsql;

namespace SpadeCluster.Storage.Postgres;

/// <summary>
/// The schema's versions: scripts Migrations/0001_name.sql and up, each applied once, in order, recorded in
/// spade_migration. A released script is never edited.
/// </summary>
internal static class Migration
{
    /// <exception cref="SpadeException">FailedPrecondition: the schema of a later program.</exception>
    public static async Task ApplyAsync(NpgsqlDataSource database, CancellationToken cancellationToken)
    {
        var assembly = typeof(Migration).Assembly;
        var scripts = assembly.GetManifestResourceNames().Where(n => n.EndsWith(".sql", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal)
            .ToDictionary(n => int.Parse(n.AsSpan(0, 4), CultureInfo.InvariantCulture));
        int newest = scripts.Keys.Max();
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        // A user who may only read can still use a schema that is up to date.
        if (await DoneAsync() == newest) return;
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        // One process at a time, so that two do not create the same tables.
        await connection.ExecuteAsync("select pg_advisory_xact_lock($1)", cancellationToken, AdvisoryKey.Of("migration"));
        await connection.ExecuteAsync("create table if not exists spade_migration (version int primary key, applied_at timestamptz not "
            + "null default now())", cancellationToken);
        int done = await DoneAsync();
        if (done > newest)
            throw new SpadeException(SpadeError.FailedPrecondition,
                $"the database's gallery schema is version {done}, but this program supports {newest}: use a newer program");
        foreach (var (version, name) in scripts.Where(s => s.Key > done).OrderBy(s => s.Key))
        {
            using var script = new StreamReader(assembly.GetManifestResourceStream(name)!);
            await connection.ExecuteAsync(await script.ReadToEndAsync(cancellationToken), cancellationToken);
            await connection.ExecuteAsync("insert into spade_migration (version) values ($1)", cancellationToken, version);
        }
        await transaction.CommitAsync(cancellationToken);

        async ValueTask<int> DoneAsync() =>
            await connection.ScalarAsync<bool>("select to_regclass('spade_migration') is not null", cancellationToken)
                ? await connection.ScalarAsync<int?>("select max(version) from spade_migration", cancellationToken) ?? 0 : 0;
    }
}
