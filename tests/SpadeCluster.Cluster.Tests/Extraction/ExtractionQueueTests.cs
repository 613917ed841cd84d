using SpadeCluster.Cluster.Tests.Support;
using SpadeCluster.Features;
using SpadeCluster.Cluster.Extraction;

namespace SpadeCluster.Cluster.Tests.Extraction;

public sealed class ExtractionQueueTests
{
    [Fact]
    public async Task What_has_gathered_is_computed_together_and_a_full_queue_refuses()
    {
        var (started, hold) = (new SemaphoreSlim(0), new TaskCompletionSource());
        var extractor = new FakeExtractor
        {
            Gate = () =>
            {
                started.Release();
                return hold.Task;
            },
        };
        var queue = new ExtractionQueue(new ExtractorOptions { QueueLength = 5, MaxBatch = 4 }, TimeProvider.System);
        var first = queue.ExtractAsync(extractor, Image(0), default);
        Assert.True(await started.WaitAsync(TimeSpan.FromSeconds(30)), "the first image should be computing");
        using var gaveUp = new CancellationTokenSource();
        var cancelled = queue.ExtractAsync(extractor, Image(1), gaveUp.Token);
        var waiting = Enumerable.Range(2, 4).Select(i => queue.ExtractAsync(extractor, Image(i), default)).ToArray();
        var full = await Assert.ThrowsAsync<SpadeException>(() => queue.ExtractAsync(extractor, Image(9), default));
        Assert.Equal(SpadeError.ResourceExhausted, full.Error);
        Assert.NotNull(full.RetryAfter);
        await gaveUp.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled);
        hold.SetResult();
        await first;
        await Task.WhenAll(waiting);
        // One alone, then the four that waited; the cancelled one was not computed.
        Assert.Equal((2, 5), (extractor.Calls, extractor.Images));
        var alone = new ImageFeatures(extractor.Model);
        await extractor.ExtractAsync([Image(4)], [alone]);
        Assert.Equal(alone.Pooled, (await waiting[2]).Pooled);
        await queue.DisposeAsync();
        var closed = await Assert.ThrowsAsync<SpadeException>(() => queue.ExtractAsync(extractor, Image(0), default));
        Assert.Equal(SpadeError.Unavailable, closed.Error);
    }

    [Fact]
    public async Task Features_of_an_image_stay_as_they_were_when_the_next_one_is_computed()
    {
        var extractor = new FakeExtractor();
        await using var queue = new ExtractionQueue(new ExtractorOptions(), TimeProvider.System);
        var (pooled, pyramid) = await queue.ExtractAsync(extractor, Image(0), default);
        var (pooledThen, levelThen) = ((float[])[.. pooled], pyramid.Level(0).ToArray());
        var next = await queue.ExtractAsync(extractor, Image(1), default);

        Assert.NotEqual(pooledThen, next.Pooled);
        Assert.Equal(pooledThen, pooled);
        Assert.Equal(levelThen, pyramid.Level(0).ToArray());
    }

    private static RgbImage Image(int seed)
    {
        var image = new RgbImage(FakeExtractor.Side, FakeExtractor.Side);
        new Random(seed).NextBytes(image.Pixels);
        return image;
    }
}
