using SpadeCluster.Features;
using SpadeCluster.Grains.Extraction;

namespace SpadeCluster.Cluster.Tests.Extraction;

public sealed class BoundedDecodingTests
{
    [Fact]
    public async Task No_more_images_are_decoded_at_a_time_than_there_are_processors()
    {
        var preparer = new CountingPreparer();
        var decoding = new BoundedDecoding(preparer);
        var addition = decoding.For("");
        // Each decoder that gets in waits until as many as may are in with it.
        await Task.WhenAll(Enumerable.Range(0, 4 * Environment.ProcessorCount).Select(i => Task.Factory.StartNew(
            () => i % 2 == 0 ? Task.FromResult(addition.Prepare([], "a")) : decoding.PrepareAsync("", ReadOnlyMemory<byte>.Empty, "b", default).AsTask(),
            default, TaskCreationOptions.LongRunning, TaskScheduler.Default).Unwrap()));
        Assert.Equal(Environment.ProcessorCount, preparer.Most);
    }

    private sealed class CountingPreparer : IImagePreparers, IImagePreparer
    {
        private readonly Barrier _full = new(Environment.ProcessorCount);
        private int _now;

        public int Most { get; private set; }

        public string Description => "";

        public IImagePreparer For(string preprocessing) => this;

        public PreparedImage Prepare(ReadOnlySpan<byte> file, string name)
        {
            lock (_full) Most = Math.Max(Most, ++_now);
            Assert.True(_full.SignalAndWait(TimeSpan.FromSeconds(30)), "as many as there are processors should decode at a time");
            lock (_full) _now--;
            return new PreparedImage(new RgbImage(1, 1), 1, 1, p => p);
        }
    }
}
