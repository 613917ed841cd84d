using SpadeCluster.Galleries;

namespace SpadeCluster.Core.Tests.Galleries;

public sealed class PageCacheTests
{
    private static ImageId[] Ids(params int[] numbers) => [.. numbers.Select(n => new ImageId((ulong)n))];

    [Fact]
    public async Task Reads_a_page_once_and_drops_the_least_recently_used()
    {
        var read = new List<ulong>();
        var cache = new PageCache<string>(3, (id, _) => { lock (read) read.Add(id.Value); return ValueTask.FromResult($"{id.Value}"); });
        foreach (int[] ids in new[] { new[] { 1, 2, 3 }, [1], [4], [1], [2] })
            using (var rental = await cache.RentAsync(Ids(ids)))
                Assert.Equal(ids.Select(i => $"{i}"), rental.Pages);
        Assert.Equal([1, 2, 3, 4, 2], read.Take(3).Order().Concat(read.Skip(3)));
        Assert.False(cache.Contains(new ImageId(3)));
    }

    [Fact]
    public async Task A_dropped_page_is_handed_to_the_next_load()
    {
        var cache = new PageCache<object[]>(1, (id, old) => ValueTask.FromResult(old ?? [id]));
        object[] first;
        using (var rental = await cache.RentAsync(Ids(1))) first = rental.Pages[0];
        using (var rental = await cache.RentAsync(Ids(2))) Assert.Same(first, rental.Pages[0]);
    }

    [Fact]
    public async Task A_failed_read_reaches_the_caller_and_is_tried_again()
    {
        int attempts = 0;
        var cache = new PageCache<string>(2, (_, _) =>
            ++attempts == 1 ? throw new SpadeException(SpadeError.DataLoss, "torn") : ValueTask.FromResult("page"));
        await Assert.ThrowsAsync<SpadeException>(async () => await cache.RentAsync(Ids(1)));
        using var rental = await cache.RentAsync(Ids(1, 2));
        Assert.Equal(["page", "page"], rental.Pages);
    }

    [Fact]
    public async Task A_rental_reads_few_pages_at_once()
    {
        int most = 2 * Environment.ProcessorCount, running = 0, peak = 0;
        var started = new SemaphoreSlim(0);
        var open = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var cache = new PageCache<string>(10 * most, async (id, _) =>
        {
            int now = Interlocked.Increment(ref running);
            lock (started) peak = Math.Max(peak, now);
            started.Release();
            await open.Task;
            Interlocked.Decrement(ref running);
            return $"{id.Value}";
        });
        var rental = cache.RentAsync(Ids([.. Enumerable.Range(1, 10 * most)])).AsTask();
        for (int i = 0; i < most; i++) await started.WaitAsync();
        open.SetResult();
        Assert.Equal(10 * most, (await rental).Pages.Distinct().Count());
        Assert.Equal(most, peak);
    }

    [Fact]
    public async Task A_rental_waits_for_room_and_can_be_cancelled()
    {
        var cache = new PageCache<string>(2, (id, _) => ValueTask.FromResult($"{id.Value}"));
        var first = await cache.RentAsync(Ids(1, 2));
        using var cancellation = new CancellationTokenSource();
        var cancelled = cache.RentAsync(Ids(3, 4), cancellation.Token).AsTask();
        var waiting = cache.RentAsync(Ids(2)).AsTask();
        Assert.False(waiting.IsCompleted, "it came after one that has no room yet");
        cancellation.Cancel();
        await Assert.ThrowsAsync<TaskCanceledException>(() => cancelled);
        (await waiting).Dispose();
        var third = cache.RentAsync(Ids(3)).AsTask();
        Assert.False(third.IsCompleted);
        first.Dispose();
        Assert.Equal(["3"], (await third).Pages);
    }

    [Fact]
    public async Task Many_at_once_never_exceed_the_capacity_nor_wait_for_each_other()
    {
        const int Capacity = 5;
        int alive = 0, most = 0, made = 0;
        var cache = new PageCache<ImageId[]>(Capacity, async (id, old) =>
        {
            if (old is null)
            {
                Interlocked.Increment(ref made);
                InterlockedMax(ref most, Interlocked.Increment(ref alive));
            }
            await Task.Yield();
            var page = old ?? new ImageId[1];
            page[0] = id;
            return page;
        });
        await Task.WhenAll(Enumerable.Range(0, 8).Select(worker => Task.Run(async () =>
        {
            var random = new Random(worker);
            for (int i = 0; i < 300; i++)
            {
                int[] ids = [.. Enumerable.Range(0, 20)];
                random.Shuffle(ids);
                var wanted = Ids(ids[..random.Next(1, Capacity + 1)]);
                using var rental = await cache.RentAsync(wanted);
                for (int r = 0; r < 3; r++)
                {
                    await Task.Yield();
                    Assert.Equal(wanted, rental.Pages.Select(p => p[0]));
                }
            }
        }))).WaitAsync(TimeSpan.FromMinutes(1));
        Assert.InRange(most, 1, Capacity);
        Assert.Equal(made, most);
    }

    private static void InterlockedMax(ref int target, int value)
    {
        int seen = Volatile.Read(ref target);
        while (seen < value && Interlocked.CompareExchange(ref target, value, seen) is var was && was != seen) seen = was;
    }
}
