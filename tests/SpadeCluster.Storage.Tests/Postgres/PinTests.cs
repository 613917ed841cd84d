using Npgsql;
using SpadeCluster.Galleries;
using SpadeCluster.Storage.Tests.Support;

namespace SpadeCluster.Storage.Tests.Postgres;

/// <summary>Pinned versions in a database with few connections.</summary>
[Collection(StoresCollection.Name)]
public sealed class PinTests(PostgresCluster postgres) : IDisposable
{
    private const int Versions = 30;

    private readonly Stores _stores = new(postgres);
    private string _location = "";

    public void Dispose() => _stores.Dispose();

    [PostgresFact]
    public async Task Pins_and_compactions_of_many_versions_leave_connections_for_reading()
    {
        var (silo, other) = await BuildAsync();
        var pins = new List<IDisposable>();
        for (int version = 1; version <= Versions; version++) pins.Add(await silo.PinAsync("c", version));
        // The same version twice: it is free only when both are.
        pins.Add(await silo.PinAsync("c", 1));
        Assert.Equal(Versions, (await silo.ReadCurrentAsync("c"))!.Version);

        foreach (var pin in pins.Take(Versions - 2)) pin.Dispose();
        var report = await Stores.Service(other).CompactAsync("c", new Retention(1));
        Assert.Equal([1, Versions - 1], report.InUse);
        Assert.Equal(Enumerable.Range(2, Versions - 3), report.Dropped);

        foreach (var pin in pins) pin.Dispose();
        Assert.Equal([1, Versions - 1], (await Stores.Service(other).CompactAsync("c", new Retention(1))).Dropped);
        Assert.Empty(await Stores.Service(silo).VerifyAsync("c"));
    }

    [PostgresFact]
    public async Task Pins_are_taken_again_when_their_session_was_lost()
    {
        var (silo, other) = await BuildAsync();
        using (await silo.PinAsync("c", 1))
        {
            await using var database = NpgsqlDataSource.Create(_location);
            await using (var end = database.CreateCommand(
                "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and pid <> pg_backend_pid()"))
                Assert.Equal(1, await CountAsync(end));
            using var next = await silo.PinAsync("c", 2);
            Assert.Equal([1, 2], (await Stores.Service(other).CompactAsync("c", new Retention(1))).InUse);
        }
        Assert.Equal([1, 2], (await Stores.Service(other).CompactAsync("c", new Retention(1))).Dropped);

        static async Task<int> CountAsync(NpgsqlCommand command)
        {
            int rows = 0;
            await using var reader = await command.ExecuteReaderAsync();
            while (await reader.ReadAsync()) rows++;
            return rows;
        }
    }

    /// <summary>Two stores on one database, as two processes have them, with few connections each.</summary>
    private async Task<(GalleryStore Silo, GalleryStore Other)> BuildAsync()
    {
        _location = _stores.NewLocation(Medium.Postgres) + ";Maximum Pool Size=4;Timeout=2";
        var silo = _stores.Open(Medium.Postgres, _location);
        for (int i = 0; i < Versions; i++) await Stores.Service(silo).AddAsync("c", Stores.Images(i));
        return (silo, _stores.Open(Medium.Postgres, _location));
    }
}
