using FsCheck;
using FsCheck.Fluent;
using SpadeCluster.Galleries;
using SpadeCluster.Scoring;

namespace SpadeCluster.Core.Tests.Galleries;

/// <summary>Galleries of no images, whose size is their model's input width.</summary>
public sealed class OpenGalleriesTests
{
    private readonly Lock _lock = new();
    private readonly List<string> _events = [];
    private long _held, _most;

    private static GalleryManifest Of(string category, int version = 1, int size = 1) => new()
    {
        Category = category,
        Version = version,
        CreatedAt = default,
        CreatedBy = "test",
        Reason = "test",
        Preprocessing = "none",
        Images = [],
        Model = SyntheticGallery.Model with { InputWidth = size },
    };

    private OpenGalleries Galleries(long memory, Func<GalleryManifest, Task>? opening = null) =>
        new(memory, m => m.Model.InputWidth, async (m, bytes) =>
    {
        lock (_lock)
        {
            _events.Add($"open {m.Category}{m.Version}");
            _held += bytes;
            _most = Math.Max(_most, _held);
        }
        try
        {
            await (opening?.Invoke(m) ?? Task.CompletedTask);
        }
        catch
        {
            lock (_lock) _held -= bytes;
            throw;
        }
        return new OpenGallery(m, new ScoringCoordinator(m.Model, 0, []), new Closing(() =>
        {
            lock (_lock)
            {
                _events.Add($"close {m.Category}{m.Version}");
                _held -= bytes;
            }
        }));
    });

    private string[] Events { get { lock (_lock) return [.. _events]; } }

    [Fact]
    public async Task The_least_recently_used_makes_room()
    {
        var galleries = Galleries(2);
        foreach (string category in new[] { "a", "b", "a", "c", "a", "b" })
            using (var gallery = await galleries.RentAsync(Of(category))) Assert.Equal(category, gallery.Manifest.Category);
        Assert.Equal(["open a1", "open b1", "close b1", "open c1", "close c1", "open b1"], Events);
        Assert.Equal((2, 2, 4), (galleries.Bytes, galleries.Count, galleries.Opened));
    }

    [Fact]
    public async Task One_in_use_is_never_closed_and_who_needs_its_room_waits()
    {
        var galleries = Galleries(2);
        var a = await galleries.RentAsync(Of("a"));
        (await galleries.RentAsync(Of("b"))).Dispose();
        // a was used longest ago, and is in use.
        (await galleries.RentAsync(Of("c"))).Dispose();
        Assert.Equal(["open a1", "open b1", "close b1", "open c1"], Events);
        var both = galleries.RentAsync(Of("d", size: 2)).AsTask();
        Assert.False(both.IsCompleted);
        Assert.Null(galleries.TryRent("a", 1));
        // Not even what is idle, as long as that would not do.
        Assert.Equal(4, Events.Length);
        a.Dispose();
        using (await both) Assert.Equal(["close a1", "close c1", "open d1"], Events[4..].Order());
    }

    [Fact]
    public async Task Who_gives_up_waiting_or_opening_stops_nobody_else()
    {
        var opened = new TaskCompletionSource();
        var galleries = Galleries(2, m => m.Category == "slow" ? opened.Task : Task.CompletedTask);
        using var stop = new CancellationTokenSource();
        var gaveUp = galleries.RentAsync(Of("slow"), stop.Token).AsTask();
        var stays = galleries.RentAsync(Of("slow")).AsTask();
        var large = galleries.RentAsync(Of("large", size: 2), stop.Token).AsTask();
        var behind = galleries.RentAsync(Of("b")).AsTask();
        Assert.False(behind.IsCompleted, "it came after one that has no room yet");
        stop.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => gaveUp);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => large);
        (await behind).Dispose();
        opened.SetResult();
        (await stays).Dispose();
        Assert.Equal(["open b1", "open slow1"], Events.Order());
        Assert.NotNull(galleries.TryRent("slow", 1));
    }

    [Fact]
    public async Task A_newer_version_replaces_the_older_which_its_last_user_closes()
    {
        var galleries = Galleries(3);
        var first = await galleries.RentAsync(Of("a", 1));
        using (var second = await galleries.RentAsync(Of("a", 2))) Assert.Equal(2, second.Manifest.Version);
        using (var late = await galleries.RentAsync(Of("a", 1))) Assert.Equal(2, late.Manifest.Version);
        Assert.Null(galleries.TryRent("a", 3));
        Assert.Equal(["open a1", "open a2"], Events);
        first.Dispose();
        // All the room that there is: it comes when the old version is closed.
        (await galleries.RentAsync(Of("b", size: 3))).Dispose();
        Assert.Equal(["close a1", "close a2"], Events[2..4].Order());
        Assert.Equal((3, 1), (galleries.Bytes, galleries.Count));
    }

    [Fact]
    public async Task One_that_cannot_be_opened_is_tried_again_and_takes_no_room()
    {
        int attempts = 0;
        var galleries = Galleries(1, _ => ++attempts == 1 ? throw new SpadeException(SpadeError.DataLoss, "torn") : Task.CompletedTask);
        await Assert.ThrowsAsync<SpadeException>(async () => await galleries.RentAsync(Of("a")));
        (await galleries.RentAsync(Of("a"))).Dispose();
        Assert.Equal((1, 1), (galleries.Bytes, attempts - 1));
    }

    [Fact]
    public async Task Long_work_goes_one_at_a_time_and_images_are_told_where_it_leaves_no_room()
    {
        var galleries = Galleries(4);
        (await galleries.RentAsync(Of("a", 1, size: 2))).Dispose();
        var alone = await galleries.RentExclusivelyAsync(Of("a", 2, size: 2));
        var next = galleries.RentExclusivelyAsync(Of("b", size: 2)).AsTask();
        // The version that scores stays, and others come and go beside the work.
        using (var judging = galleries.TryRent("a", 1)) Assert.Equal(1, judging!.Manifest.Version);
        (await galleries.RentAsync(Of("c", size: 2))).Dispose();
        var e = await Assert.ThrowsAsync<SpadeException>(async () => await galleries.RentAsync(Of("large", size: 3)));
        Assert.Equal((SpadeError.ResourceExhausted, true), (e.Error, e.RetryAfter is not null));
        Assert.False(next.IsCompleted);
        alone.Dispose();
        (await next).Dispose();
        (await galleries.RentAsync(Of("large", size: 4))).Dispose();
        Assert.Equal(["open a1", "open a2", "close a1", "open c1", "close a2", "open b1"], Events[..6]);
    }

    [Fact]
    public void Many_at_once_never_exceed_the_memory_nor_wait_for_each_other()
    {
        Prop.ForAll(Gen.Choose(0, int.MaxValue).ToArbitrary(), seed =>
        {
            (_held, _most) = (0, 0);
            const int Memory = 7, Workers = 6;
            var galleries = Galleries(Memory, m =>
                m.Version % 5 == 0 ? Task.FromException(new SpadeException(SpadeError.DataLoss, "torn")) : Task.CompletedTask);
            using var together = new Barrier(Workers);
            Task.WaitAll([.. Enumerable.Range(0, Workers).Select(worker => Task.Factory.StartNew(() =>
            {
                var random = new Random(seed ^ worker);
                together.SignalAndWait();
                for (int i = 0; i < 60; i++)
                {
                    int category = random.Next(6);
                    var manifest = Of($"{category}", 1 + i / 7 + random.Next(2), 1 + category % 3);
                    using var stop = new CancellationTokenSource();
                    try
                    {
                        var asked = random.Next(8) == 0
                            ? galleries.RentExclusivelyAsync(manifest, stop.Token) : galleries.RentAsync(manifest, stop.Token);
                        if (random.Next(8) == 0) stop.Cancel();
                        using var gallery = asked.AsTask().Result;
                        Assert.Equal((manifest.Category, true), (gallery.Manifest.Category, gallery.Manifest.Version >= manifest.Version));
                        Thread.Yield();
                    }
                    catch (AggregateException e) when (e.InnerException is SpadeException or OperationCanceledException)
                    {
                    }
                }
            }, TaskCreationOptions.LongRunning))], TimeSpan.FromMinutes(1));
            // All the room there is can be had, so that nothing is held any more but what is open.
            Assert.True(galleries.RentAsync(Of("all", size: Memory)).AsTask().Wait(TimeSpan.FromMinutes(1)));
            lock (_lock) Assert.Equal((Memory, Memory), (_held, galleries.Bytes));
            Assert.InRange(_most, 1, Memory);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(20));
    }

    [Fact]
    public async Task A_gallery_gets_what_it_can_use_but_no_more_than_its_share()
    {
        var (_, m) = await SyntheticGallery.BuildAsync(new Random(3), 40);
        long least = GalleryShard.LeastMemory(m.Model, 40), whole = GalleryShard.WholeMemory(m.Model, 40);
        Assert.InRange(least, 1, whole - 1);
        Assert.Equal(whole, GalleryShard.MemoryFor(m, m.Images.Count, 10 * whole, 5 * whole));
        Assert.Equal(whole - 1, GalleryShard.MemoryFor(m, m.Images.Count, 10 * whole, whole - 1));
        Assert.Equal(least, GalleryShard.MemoryFor(m, m.Images.Count, least, 1));
        Assert.Contains("allow more",
            Assert.Throws<SpadeException>(() => GalleryShard.MemoryFor(m, m.Images.Count, least - 1, least)).Message);
    }

    private sealed class Closing(Action action) : IDisposable
    {
        public void Dispose() => action();
    }
}
