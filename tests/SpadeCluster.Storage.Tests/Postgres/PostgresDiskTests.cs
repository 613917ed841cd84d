using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Storage.Postgres;
using SpadeCluster.Storage.Tests.Support;
using SpadeCluster.Tests;

namespace SpadeCluster.Storage.Tests.Postgres;

/// <summary>A database whose disk is full, and a read-only one.</summary>
[Collection(StoresCollection.Name)]
public sealed class PostgresDiskTests(PostgresCluster postgres) : IDisposable
{
    private readonly Stores _stores = new(postgres);

    public void Dispose() => _stores.Dispose();

    [MountPostgresFact]
    public async Task A_full_disk_is_said_the_version_before_is_intact_and_there_is_a_way_on()
    {
        using var cluster = new PostgresCluster { DataDisk = "120m" };
        using var store = new PostgresGalleryStore(cluster.NewSchema());
        // 1.7 MB an image.
        var model = SyntheticEngine.Tiny with { Levels = [new(56, 56, 200), new(28, 28, 300)] };
        var service = new GalleryService(store, new SyntheticEngine(model), "ann", threads: 1);
        await service.AddAsync("c", Stores.ImageRange(0, 3));
        var before = await ReadAllAsync(store);
        string filler = Path.Combine(cluster.DataFolder, "filler");
        using (var file = File.Create(filler))
            for (long room = new DriveInfo(cluster.DataFolder).AvailableFreeSpace - 6_000_000; room > 0; room -= 1 << 20)
                file.Write(new byte[1 << 20]);

        var e = await Assert.ThrowsAsync<SpadeException>(async () => await service.AddAsync("c", Stores.ImageRange(100, 50)));
        Assert.Equal((SpadeError.ResourceExhausted, true), (e.Error, e.StorageFull));
        Assert.Contains("disk is full", e.Message);
        Assert.Equal(1, await store.ReadCurrentVersionAsync("c"));
        Assert.Equal(before, await ReadAllAsync(store));
        Assert.Empty(await service.VerifyAsync("c"));

        File.Delete(filler);
        Assert.Equal(2, (await service.AddAsync("c", Stores.Images(100)))!.Version);
        Assert.Empty(await service.VerifyAsync("c"));
    }

    [PostgresFact]
    public async Task A_read_only_database_is_read_and_refuses_changes()
    {
        string location = _stores.NewLocation(Medium.Postgres), readOnly = $"{location};Options=-c default_transaction_read_only=on";
        // Nothing is there, and nothing can be made.
        var nothing = await Assert.ThrowsAsync<SpadeException>(async () =>
            await _stores.Open(Medium.Postgres, readOnly).ListCategoriesAsync());
        Assert.Equal(SpadeError.FailedPrecondition, nothing.Error);
        Assert.Contains("a user with the right to create tables", nothing.Message);

        await Stores.Service(_stores.Open(Medium.Postgres, location)).AddAsync("c", Stores.ImageRange(0, 5));
        var store = _stores.Open(Medium.Postgres, readOnly);
        var service = Stores.Service(store);
        double[] before = await Stores.ScoresAsync(store, "c", 70);
        foreach (var change in new Func<Task>[]
        {
            async () => await service.AddAsync("c", Stores.Images(9)), async () => await service.AddAsync("new", Stores.Images(9)),
            async () => await service.RetireAsync("c", ["1.png"], "x"), async () => await service.CompactAsync("c", new Retention(1)),
        })
        {
            var e = await Assert.ThrowsAsync<SpadeException>(change);
            Assert.Equal(SpadeError.Unavailable, e.Error);
            Assert.Contains("cannot be written", e.Message);
        }
        Assert.Equal([1], await store.ListVersionsAsync("c"));
        Assert.Empty(await service.VerifyAsync("c"));
        Assert.Equal(before, await Stores.ScoresAsync(store, "c", 70));
        Assert.Equal(2, (await Stores.Service(_stores.Open(Medium.Postgres, location)).AddAsync("c", Stores.Images(9)))!.Version);
    }

    private static async Task<List<float[]>> ReadAllAsync(IGalleryStore store)
    {
        var m = (await store.ReadCurrentAsync("c"))!;
        return [.. await store.ReadPooledAsync("c", [.. m.Images.Select(i => i.Id)], m.Model)];
    }

    private sealed class MountPostgresFactAttribute : MountFactAttribute
    {
        public MountPostgresFactAttribute()
        {
            Skip ??= PostgresCluster.Missing;
        }
    }
}
