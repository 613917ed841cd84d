using System.Net;
using Microsoft.Extensions.Options;
using Orleans.Runtime;
using SpadeCluster.Cluster.Placement;
using SpadeCluster.Cluster.Shards;
using SpadeCluster.Cluster.Tests.Support;

namespace SpadeCluster.Cluster.Tests.Shards;

public sealed class HotCategoriesTests
{
    private const double Each = 4;

    private readonly ManualClock _clock = new();
    private readonly Directory _silos = new() { Galleries = 4, Gateways = 1 };

    [Fact]
    public void A_busy_category_gets_one_replica_more_after_each_period()
    {
        var hot = New(replicas: 1);
        using var calls = new Calls(hot, "plate", (int)(3 * Each) + 1);

        Assert.Equal(1, calls.Newest);
        // 13 calls are too many for one, two and three replicas, and not for four.
        foreach (int expected in new[] { 2, 3, 4, 4 }) Assert.Equal(expected, After(hot, "plate", HotCategories.Period));
        Assert.Equal(1, hot.Begin("lid", 1).Replicas);
    }

    [Fact]
    public void A_category_has_no_more_replicas_than_there_are_silos()
    {
        var hot = New(replicas: 2);
        using var calls = new Calls(hot, "plate", 1000);

        foreach (int expected in new[] { 3, 4, 4 }) Assert.Equal(expected, After(hot, "plate", HotCategories.Period));
    }

    [Fact]
    public void A_peak_shorter_than_the_period_is_a_part_of_the_mean()
    {
        var hot = New(replicas: 1);
        using (new Calls(hot, "plate", (int)(3 * Each))) _clock.Advance(HotCategories.Period / 4);

        Assert.Equal(1, After(hot, "plate", HotCategories.Period));
    }

    [Fact]
    public void Replicas_end_when_calls_do_and_not_before()
    {
        var hot = New(replicas: 1);
        using (new Calls(hot, "plate", (int)(2 * Each) + 1))
        {
            After(hot, "plate", HotCategories.Period);
            Assert.Equal(3, After(hot, "plate", HotCategories.Period));
        }
        // Fewer calls than before, because they wait less: that is no reason to give up a replica.
        using (new Calls(hot, "plate", (int)(Each / 4 * 2) + 1))
        {
            After(hot, "plate", HotCategories.Period);
            Assert.Equal(3, After(hot, "plate", HotCategories.Period));
        }
        Assert.Equal(1, After(hot, "plate", 2 * HotCategories.Period));
    }

    [Fact]
    public void Shards_share_a_categorys_calls_and_gateways_add_theirs()
    {
        var hot = New(replicas: 1);
        using var calls = new Calls(hot, "plate", (int)(2 * Each), shards: 2);
        Assert.Equal(1, After(hot, "plate", HotCategories.Period));

        _silos.Gateways = 2;
        Assert.Equal(2, After(hot, "plate", HotCategories.Period));
    }

    [Fact]
    public void Zero_calls_per_replica_is_never()
    {
        var hot = New(replicas: 1, each: 0);
        using var calls = new Calls(hot, "plate", 1000);

        Assert.Equal(1, After(hot, "plate", HotCategories.Period));
    }

    private HotCategories New(int replicas, double each = Each)
        => new(Options.Create(new GalleryOptions { Replicas = replicas, CallsPerReplica = each }), _silos, _clock);

    /// <returns>Replicas after a time, by a call that ends at once.</returns>
    private int After(HotCategories hot, string category, TimeSpan time)
    {
        _clock.Advance(time);
        using var call = hot.Begin(category, 1_000_000);
        return call.Replicas;
    }

    private sealed class Calls : IDisposable
    {
        private readonly List<CallInFlight> _calls;

        public Calls(HotCategories hot, string category, int count, int shards = 1)
            => _calls = [.. Enumerable.Range(0, count).Select(_ => hot.Begin(category, shards))];

        public int Newest => _calls[^1].Replicas;

        public void Dispose() => _calls.ForEach(c => c.Dispose());
    }

    private sealed class Directory : ISiloDirectory
    {
        public int Galleries { get; set; }
        public int Gateways { get; set; }

        public IReadOnlyList<KnownSilo> With(string role)
            => [.. Enumerable.Range(0, role == SiloRole.Gallery ? Galleries : Gateways)
                .Select(i => new KnownSilo(SiloAddress.New(IPAddress.Loopback, 1 + i, 0), $"{role}-{i}", new SiloProfile([role])))];
    }
}
