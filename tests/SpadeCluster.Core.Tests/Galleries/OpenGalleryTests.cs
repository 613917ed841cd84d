using System.Diagnostics;
using SpadeCluster.Galleries;

namespace SpadeCluster.Core.Tests.Galleries;

public sealed class OpenGalleryTests
{
    [Fact]
    public async Task A_closed_gallery_gives_its_memory_back()
    {
        var (store, manifest) = await SyntheticGallery.BuildAsync(new Random(3), 4, SyntheticGallery.Model with { PooledLength = 500_000 });
        long before = Resident();
        // Each takes 8 MB of memory that the garbage collector does not manage.
        for (int i = 0; i < 200; i++)
        {
            using var gallery = await OpenGallery.LoadAsync(store, manifest);
        }
        Assert.InRange(Resident() - before, long.MinValue, 200_000_000);

        static long Resident()
        {
            using var process = Process.GetCurrentProcess();
            return process.WorkingSet64;
        }
    }

    [Fact]
    public async Task It_is_closed_once()
    {
        var (store, manifest) = await SyntheticGallery.BuildAsync(new Random(3), 4);
        int closed = 0;
        var whole = await OpenGallery.LoadAsync(store, manifest);
        var gallery = new OpenGallery(manifest, whole.Coordinator, new Closing(() => closed++));
        gallery.Dispose();
        gallery.Dispose();
        Assert.Equal(1, closed);
        whole.Dispose();
    }

    private sealed class Closing(Action action) : IDisposable
    {
        public void Dispose() => action();
    }
}
