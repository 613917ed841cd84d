using System.Runtime.InteropServices;
using SpadeCluster.Galleries;
using SpadeCluster.Storage.Files;
using SpadeCluster.Storage.Tests.Support;

namespace SpadeCluster.Storage.Tests.Files;

/// <summary>A real full disk (a small tmpfs) and a real read-only one (remounted). Skipped, by name, where the test may not mount.</summary>
[Collection(StoresCollection.Name)]
public sealed partial class DiskTests : IDisposable
{
    private readonly string _mount = Directory.CreateTempSubdirectory("spade-disk-").FullName;

    public void Dispose()
    {
        _ = Unmount(_mount);
        Directory.Delete(_mount, recursive: true);
    }

    [MountFact]
    public async Task A_full_disk_is_said_and_the_version_before_is_intact()
    {
        Mount(_mount, "size=400k");
        var store = new FileGalleryStore(_mount);
        var service = Stores.Service(store);
        await service.AddAsync("c", Stores.ImageRange(0, 5));
        double[] before = await Stores.ScoresAsync(store, "c", 70);
        SpadeException? full = null;
        int batch = 0;
        while (full is null)
        {
            // Fill most of it, so that the room that was predicted is not there any more when the file is written.
            try
            {
                batch++;
                File.WriteAllBytes(Path.Combine(_mount, $"filler{batch}"), new byte[20_000]);
            }
            catch (IOException)
            {
                full = await Assert.ThrowsAsync<SpadeException>(async () => await new GalleryService(new Boundless(store), new SpadeCluster.Tests.SyntheticEngine(), "ann").AddAsync("c", Stores.ImageRange(100, 500)));
            }
        }
        Assert.Equal(SpadeError.ResourceExhausted, full.Error);
        Assert.Contains("the disk is full", full.Message);
        Assert.Equal(1, await store.ReadCurrentVersionAsync("c"));
        Assert.Empty(await service.VerifyAsync("c"));
        Assert.Equal(before, await Stores.ScoresAsync(store, "c", 70));
        // Predicted, it is refused before it is tried.
        Assert.Contains("nothing was added", (await Assert.ThrowsAsync<SpadeException>(async () => await service.AddAsync("c", Stores.ImageRange(100, 500)))).Message);
        foreach (string filler in Directory.EnumerateFiles(_mount, "filler*")) File.Delete(filler);
        Assert.Equal(2, (await service.AddAsync("c", Stores.Images(100)))!.Version);
    }

    [MountFact]
    public async Task A_read_only_folder_is_read_and_refuses_changes()
    {
        Mount(_mount, "size=2m");
        var store = new FileGalleryStore(_mount);
        var service = Stores.Service(store);
        await service.AddAsync("c", Stores.ImageRange(0, 5));
        double[] before = await Stores.ScoresAsync(store, "c", 70);
        const ulong ReadOnly = 1, Remount = 32;
        Assert.Equal(0, Mount("tmpfs", _mount, "tmpfs", ReadOnly | Remount, null));
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

    private static void Mount(string folder, string options) => Assert.Equal(0, Mount("tmpfs", folder, "tmpfs", 0, options));

    [LibraryImport("libc", EntryPoint = "mount", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Mount(string source, string target, string type, ulong flags, string? data);

    [LibraryImport("libc", EntryPoint = "umount", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Unmount(string target);

    private sealed class MountFactAttribute : FactAttribute
    {
        public MountFactAttribute()
        {
            string folder = Path.Combine(Path.GetTempPath(), "spade-mount-probe");
            Directory.CreateDirectory(folder);
            bool mounted = OperatingSystem.IsLinux() && DiskTests.Mount("tmpfs", folder, "tmpfs", 0, "size=16k") == 0;
            if (mounted) _ = Unmount(folder);
            else Skip = "needs the right to mount a small tmpfs (root)";
            Directory.Delete(folder);
        }
    }
}
