using Npgsql;
using SpadeCluster.Cli.Commands.Cluster;
using SpadeCluster.Cluster.Tests.Processes;

namespace SpadeCluster.Cluster.Tests.Security;

public sealed class PrivatePostgresTests
{
    [PostgresFact]
    public async Task Nobody_comes_in_without_the_password_and_nobody_is_a_superuser()
    {
        string root = Directory.CreateTempSubdirectory("spade-private-").FullName, folder = Path.Combine(root, "postgres");
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(root, (UnixFileMode)0b111_101_101);
        var own = new NpgsqlConnectionStringBuilder(PrivatePostgres.Start(folder)) { Pooling = false };
        try
        {
            Assert.Equal("scram-sha-256", await ScalarAsync(own, "SELECT setting FROM pg_settings WHERE name = 'password_encryption'"));
            Assert.Equal("off", await ScalarAsync(own, "SELECT current_setting('is_superuser')"));
            await RefusedAsync(own, "CREATE TEMP TABLE t (line text); COPY t FROM PROGRAM 'id'");
            await RefusedAsync(own, "SELECT pg_read_file('/etc/passwd')");
            foreach (string user in new[] { "postgres", "spade", "root", "nobody" })
            {
                foreach (string host in new[] { "127.0.0.1", folder })
                {
                    foreach (string? password in new[] { null, "spade" })
                        await RefusedAsync(new NpgsqlConnectionStringBuilder
                        {
                            Host = host,
                            Port = own.Port,
                            Database = "postgres",
                            Username = user,
                            Password = password,
                            Pooling = false
                        }, "SELECT 1");
                }
            }
            // The owner's password does not give superuser rights.
            await RefusedAsync(new NpgsqlConnectionStringBuilder(own.ToString()) { Username = "postgres" }, "SELECT 1");
            if (!OperatingSystem.IsWindows()) Assert.Equal((UnixFileMode)0b111_000_000, File.GetUnixFileMode(folder));

            // After a restart the data is there, with the same password.
            await ScalarAsync(own, "CREATE TABLE kept AS SELECT 7 AS n");
            PrivatePostgres.Stop(folder);
            own = new NpgsqlConnectionStringBuilder(PrivatePostgres.Start(folder)) { Pooling = false };
            Assert.Equal(7, await ScalarAsync(own, "SELECT n FROM kept"));
        }
        finally
        {
            PrivatePostgres.Stop(folder);
            Directory.Delete(root, recursive: true);
        }
    }

    private static async Task<object?> ScalarAsync(NpgsqlConnectionStringBuilder settings, string sql)
    {
        await using var connection = new NpgsqlConnection(settings.ToString());
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync();
    }

    private static Task RefusedAsync(NpgsqlConnectionStringBuilder settings, string sql) =>
        Assert.ThrowsAnyAsync<NpgsqlException>(() => ScalarAsync(settings, sql));
}
