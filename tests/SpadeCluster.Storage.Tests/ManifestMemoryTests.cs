using SpadeCluster.Galleries;
using SpadeCluster.Tests;

namespace SpadeCluster.Storage.Tests;

public sealed class ManifestMemoryTests
{
    [Fact]
    public async Task The_versions_remembered_take_a_bounded_amount()
    {
        var memory = new ManifestMemory();
        int parsed = 0;
        Task<GalleryManifest?> Read(string category, long length) => memory.GetAsync(category, 1, new ManifestStamp("", length), () =>
        {
            parsed++;
            return Task.FromResult<GalleryManifest?>(Manifest(category));
        });
        const long Third = ManifestMemory.MaxBytes / 3;
        foreach (string c in new[] { "a", "b", "c", "a" }) await Read(c, Third);
        Assert.Equal(3, parsed);
        await Read("d", Third); // forgets b, which was not used for longest
        foreach (string c in new[] { "c", "a", "d" }) await Read(c, Third);
        Assert.Equal(4, parsed);
        await Read("b", Third);
        Assert.Equal(5, parsed);
        await Read("e", 2 * ManifestMemory.MaxBytes); // alone, but once
        await Read("e", 2 * ManifestMemory.MaxBytes);
        Assert.Equal(6, parsed);
        await Read("d", Third);
        Assert.Equal(7, parsed);
    }

    [Fact]
    public async Task A_reading_that_finds_nothing_or_fails_is_not_remembered()
    {
        var memory = new ManifestMemory();
        var stamp = new ManifestStamp("", 1);
        Assert.Null(await memory.GetAsync("a", 1, stamp, () => Task.FromResult<GalleryManifest?>(null)));
        await Assert.ThrowsAsync<IOException>(() => memory.GetAsync("a", 1, stamp, () => throw new IOException()));
        Assert.NotNull(await memory.GetAsync("a", 1, stamp, () => Task.FromResult<GalleryManifest?>(Manifest("a"))));
    }

    private static GalleryManifest Manifest(string category) => new()
    {
        Category = category,
        Version = 1,
        CreatedAt = DateTimeOffset.UnixEpoch,
        CreatedBy = "ann",
        Reason = "add",
        Model = SyntheticEngine.Tiny,
        Preprocessing = "",
        Images = [],
    };
}
