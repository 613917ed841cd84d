using SpadeCluster.Server.Storage;

namespace SpadeCluster.Server.Tests;

public sealed class SqliteDatabaseTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("spade-database-").FullName;

    /// <summary>Less than what makes a commit move the log.</summary>
    [Fact]
    public async Task The_log_is_moved_into_the_database_between_commits()
    {
        await using var database = new SqliteDatabase(_folder);
        await database.WriteAsync(c => c.Execute("CREATE TABLE bytes (value BLOB)"));
        byte[] value = new byte[100_000];
        // The writer tidies before the write that follows.
        for (int i = 0; i < 17; i++) await database.WriteAsync(c => c.Execute("INSERT INTO bytes VALUES ($value)", ("$value", value)));
        Assert.InRange(new FileInfo(database.Path).Length, 1_500_000, 3_000_000);
        Assert.Equal(17, database.Read(c => c.Scalar<long>("SELECT count(*) FROM bytes")));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
