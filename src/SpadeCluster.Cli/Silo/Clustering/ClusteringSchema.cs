using Npgsql;

namespace SpadeCluster.Cli.Silo;

/// <summary>Creates Orleans' membership tables if the database has none. Silos that start at the same time wait for each other.</summary>
internal static class ClusteringSchema
{
    // Any number that no other program uses for locks in the database.
    private const long AdvisoryLock = 0x5350414445;

    /// <exception cref="SpadeException">Unavailable: the database cannot be reached or refuses.</exception>
    public static async Task CreateAsync(string connectionString, CancellationToken cancellationToken)
    {
        try
        {
            await using var connection = new NpgsqlConnection(connectionString);
            await connection.OpenAsync(cancellationToken);
            await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
            await ExecuteAsync($"SELECT pg_advisory_xact_lock({AdvisoryLock})");
            await using var exists = new NpgsqlCommand("SELECT to_regclass('orleansquery') IS NOT NULL", connection, transaction);
            if (await exists.ExecuteScalarAsync(cancellationToken) is not true)
            {
                const string Script = "SpadeCluster.Cli.Silo.Clustering.OrleansClustering.sql";
                using var resource = new StreamReader(typeof(ClusteringSchema).Assembly.GetManifestResourceStream(Script)!);
                await ExecuteAsync(await resource.ReadToEndAsync(cancellationToken));
            }
            await transaction.CommitAsync(cancellationToken);

            async Task ExecuteAsync(string sql)
            {
                // Without parameters: those in the script belong to the queries that it stores.
                await using var command = new NpgsqlCommand(sql, connection, transaction) { AllResultTypesAreUnknown = true };
                await command.ExecuteNonQueryAsync(cancellationToken);
            }
        }
        catch (NpgsqlException e)
        {
            throw new SpadeException(SpadeError.Unavailable,
                $"the clustering database is not usable: {e.Message}; check Spade:ConnectionString", e);
        }
    }
}
