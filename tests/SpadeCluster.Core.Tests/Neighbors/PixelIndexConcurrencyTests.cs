using System.Diagnostics;
using SpadeCluster.Features;
using SpadeCluster.Neighbors;
using static SpadeCluster.Tests.Neighbors.Pyramids;

namespace SpadeCluster.Tests.Neighbors;

public sealed class PixelIndexConcurrencyTests
{
    [Fact]
    public async Task Concurrent_searches_do_not_disturb_each_other()
    {
        var gallery = Gallery(Shapes, 61);
        var index = new PixelIndex(new PixelSpace(Shapes), gallery);
        var packed = Pack(index, gallery);
        var queries = Enumerable.Range(0, 24).Select(i => Random(Shapes, 200 + i)).ToArray();
        PixelSearchOptions Options(int i) => new((Fusion)(i % 2), Kappa: 1 + i % 3, Threads: 1 + i % 3);
        var alone = queries.Select((q, i) => index.Search(q, packed, Options(i))).ToArray();
        using var start = new Barrier(4);
        var together = await Task.WhenAll(Enumerable.Range(0, 4).Select(t => Task.Factory.StartNew(() =>
        {
            start.SignalAndWait();
            return Enumerable.Range(0, 24).Where(i => i % 4 == t).Select(i => (i, index.Search(queries[i], packed, Options(i)))).ToArray();
        }, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default)));
        foreach (var (i, matches) in together.SelectMany(t => t)) AssertSame(alone[i], matches);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void A_search_is_cancelled_before_and_while_it_runs(int threads)
    {
        // For constant images no bound excludes a pair: this search would take long.
        LevelShape[] shapes = [new(56, 56, 64), new(28, 28, 64), new(14, 14, 64)];
        var index = new PixelIndex(new PixelSpace(shapes), [Random(shapes, 1)]);
        var constant = index.Pack(Random(shapes, 2, Kind.Constant));
        var gallery = Enumerable.Range(0, 40).Select(i => (i, constant)).ToArray();
        var options = new PixelSearchOptions(Threads: threads);
        Assert.ThrowsAny<OperationCanceledException>(() => index.Search(Random(shapes, 3), gallery, options, new CancellationToken(true)));

        using var source = new CancellationTokenSource();
        TimeSpan cancelled = default;
        var clock = Stopwatch.StartNew();
        source.Token.Register(() => cancelled = clock.Elapsed);
        source.CancelAfter(30);
        Assert.ThrowsAny<OperationCanceledException>(() => index.Search(Random(shapes, 3, Kind.Zero), gallery, options, source.Token));
        // 50 ms is promised; the test allows ten times as much on a loaded machine.
        Assert.InRange((clock.Elapsed - cancelled).TotalMilliseconds, 0, 500);
        // The index still gives the right answer.
        Assert.Equal(56, index.Search(Random(shapes, 3), gallery[..1], options)[0].Height);
    }
}
