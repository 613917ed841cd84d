using SpadeCluster.Galleries;
using SpadeCluster.Storage.Files;
using SpadeCluster.Storage.Tests.Support;
using SpadeCluster.Tests;

namespace SpadeCluster.Storage.Tests.Files;

/// <summary>A real full disk (a small tmpfs) and a real read-only one (remounted); skipped without the right to mount.</summary>
[Collection(StoresCollection.Name)]
public sealed class DiskTests
{
    [MountFact]
    public async Task A_full_disk_is_said_and_the_version_before_is_intact()
    {
        using var disk = new TemporaryDisk("400k");
        var store = new FileGalleryStore(disk.Folder);
        var service = Stores.Service(store);
        await service.AddAsync("c", Stores.ImageRange(0, 5));
        double[] before = await Stores.ScoresAsync(store, "c", 70);
        SpadeException? full = null;
        int batch = 0;
        while (full is null)
        {
            // Fill most of the disk, so that the space that the check found is gone when the file is written.
            try
            {
                batch++;
                File.WriteAllBytes(Path.Combine(disk.Folder, $"filler{batch}"), new byte[20_000]);
            }
            catch (IOException)
            {
                full = await Assert.ThrowsAsync<SpadeException>(async () =>
                    await new GalleryService(new Boundless(store), new SpadeCluster.Tests.SyntheticEngine(), "ann")
                    .AddAsync("c", Stores.ImageRange(100, 500)));
            }
        }
        Assert.Equal((SpadeError.ResourceExhausted, true), (full.Error, full.StorageFull));
        Assert.Contains("the disk is full", full.Message);
        Assert.Equal(1, await store.ReadCurrentVersionAsync("c"));
        Assert.Empty(await service.VerifyAsync("c"));
        Assert.Equal(before, await Stores.ScoresAsync(store, "c", 70));
        // With the check, the write is refused before it starts.
        Assert.Contains("nothing was added",
            (await Assert.ThrowsAsync<SpadeException>(async () => await service.AddAsync("c", Stores.ImageRange(100, 500)))).Message);
        foreach (string filler in Directory.EnumerateFiles(disk.Folder, "filler*")) File.Delete(filler);
        Assert.Equal(2, (await service.AddAsync("c", Stores.Images(100)))!.Version);
    }

    [MountFact]
    public async Task A_read_only_folder_is_read_and_refuses_changes()
    {
        using var disk = new TemporaryDisk("2m");
        var store = new FileGalleryStore(disk.Folder);
        var service = Stores.Service(store);
        await service.AddAsync("c", Stores.ImageRange(0, 5));
        double[] before = await Stores.ScoresAsync(store, "c", 70);
        disk.MakeReadOnly();
        foreach (var change in new Func<Task>[]
        {
            async () => await service.AddAsync("c", Stores.Images(9)), async () => await service.AddAsync("new", Stores.Images(9)),
            async () => await service.RetireAsync("c", ["1.png"], "x"), async () => await service.CompactAsync("c", new Retention(1)),
        })
        {
            var e = await Assert.ThrowsAsync<SpadeException>(change);
            Assert.Equal(SpadeError.Unavailable, e.Error);
            Assert.Contains("Read-only file system", e.Message);
        }
        Assert.Empty(await service.VerifyAsync("c"));
        Assert.Equal(before, await Stores.ScoresAsync(store, "c", 70));
    }
}
