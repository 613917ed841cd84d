using SpadeCluster.Cluster.Tests.Support;
using SpadeCluster.Features;
using SpadeCluster.Cluster.Extraction;

namespace SpadeCluster.Cluster.Tests.Extraction;

public sealed class PyramidLeasesTests
{
    private readonly ManualClock _clock = new();

    [Fact]
    public void A_pyramid_is_taken_once()
    {
        var leases = new PyramidLeases(1000, TimeSpan.FromSeconds(1), _clock);
        var pyramid = Pyramid(10);
        var id = leases.Add(pyramid);
        Assert.Same(pyramid, leases.Take(id));
        Assert.Null(leases.Take(id));
        Assert.Equal((0, 0L), (leases.Count, leases.Bytes));
    }

    [Fact]
    public void The_oldest_gives_way_to_the_budget()
    {
        var leases = new PyramidLeases(50, TimeSpan.FromSeconds(1), _clock);
        Guid[] ids = [leases.Add(Pyramid(10)), leases.Add(Pyramid(10)), leases.Add(Pyramid(10))];
        Assert.Equal((2, 40L), (leases.Count, leases.Bytes));
        Assert.Null(leases.Take(ids[0]));
        Assert.NotNull(leases.Take(ids[1]));
    }

    [Fact]
    public void A_lease_expires()
    {
        var leases = new PyramidLeases(1000, TimeSpan.FromSeconds(1), _clock);
        var id = leases.Add(Pyramid(10));
        _clock.Advance(TimeSpan.FromSeconds(1));
        leases.Expire();
        Assert.Equal(0, leases.Count);
        Assert.Null(leases.Take(id));
    }

    private static FeaturePyramid Pyramid(int halves) => new([new LevelShape(1, 1, halves)], [new Half[halves]]);
}
