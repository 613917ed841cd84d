using SpadeCluster.Features;
using SpadeCluster.Cluster.Extraction;

namespace SpadeCluster.Cluster.Tests.Extraction;

public sealed class BoundedDecodingTests
{
    [Fact]
    public async Task No_more_images_are_decoded_at_a_time_than_there_are_processors()
    {
        var preparer = new HeldPreparer();
        var decoding = new BoundedDecoding(preparer);
        var addition = decoding.For("");
        var first = Enumerable.Range(0, Environment.ProcessorCount)
            .Select(i => Task.Factory.StartNew(() => addition.Prepare([], "a"), TaskCreationOptions.LongRunning)).ToList();
        foreach (var _ in first)
            Assert.True(await preparer.Entered.WaitAsync(TimeSpan.FromSeconds(30)),
                "as many as there are processors should decode at a time");
        // The preparer throws at once if more than the allowed number run.
        var next = decoding.PrepareAsync("", ReadOnlyMemory<byte>.Empty, "b", default).AsTask();
        Assert.False(next.IsCompleted, next.Exception?.ToString());
        preparer.Release.Set();
        await Task.WhenAll([.. first, next]);
    }

    [Fact]
    public async Task Large_images_are_decoded_one_after_the_other()
    {
        var preparer = new HeldPreparer { Pixels = BoundedDecoding.MostPixels };
        var decoding = new BoundedDecoding(preparer);
        var first = Task.Run(() => decoding.PrepareAsync("", ReadOnlyMemory<byte>.Empty, "a", default).AsTask());
        Assert.True(await preparer.Entered.WaitAsync(TimeSpan.FromSeconds(30)), "the first should be decoded");
        preparer.Pixels = 1;
        using var stop = new CancellationTokenSource();
        var waiting = decoding.PrepareAsync("", ReadOnlyMemory<byte>.Empty, "b", stop.Token).AsTask();
        Assert.False(waiting.IsCompleted, waiting.Exception?.ToString());
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        preparer.Release.Set();
        await first;
        // Neither the one that gave up nor the one that is done keeps anything.
        preparer.Pixels = BoundedDecoding.MostPixels;
        await decoding.PrepareAsync("", ReadOnlyMemory<byte>.Empty, "c", default);
    }

    private sealed class HeldPreparer : IImagePreparers, IImagePreparer
    {
        private int _now;

        public long Pixels { get; set; }

        public long PixelsOf(ReadOnlySpan<byte> file) => Pixels;

        public SemaphoreSlim Entered { get; } = new(0);

        public ManualResetEventSlim Release { get; } = new();

        public string Description => "";

        public IImagePreparer For(string preprocessing) => this;

        public PreparedImage Prepare(ReadOnlySpan<byte> file, string name)
        {
            Assert.True(Interlocked.Increment(ref _now) <= Environment.ProcessorCount, "too many decode at a time");
            Entered.Release();
            Release.Wait();
            Interlocked.Decrement(ref _now);
            return new PreparedImage(new RgbImage(1, 1), InputGeometry.Same(1, 1));
        }
    }
}
