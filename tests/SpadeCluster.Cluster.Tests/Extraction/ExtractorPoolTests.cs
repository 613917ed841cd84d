using System.Net;
using Orleans.Runtime;
using SpadeCluster.Cluster.Extraction;

namespace SpadeCluster.Cluster.Tests.Extraction;

public sealed class ExtractorPoolTests
{
    private static readonly SiloAddress Here = Silo(1), There = Silo(2);

    [Fact]
    public void An_image_stays_in_its_silo_until_others_are_clearly_less_busy()
    {
        ExtractorSlot[] slots = [new("0@a", There), new("0@here", Here), new("0@b", Silo(3))];
        // Images in progress here and there, and the silo that gets the image for either choice of the turn.
        foreach (var (here, there, stays) in new[] { (0, 0, true), (1, 0, true), (1, 1, true), (2, 1, true), (2, 0, false), (9, 7, false) })
            for (int turn = 0; turn < 3; turn++)
                Assert.Equal(stays, First(slots, turn, s => s.Silo.Equals(Here) ? here : there).Silo.Equals(Here));
    }

    [Fact]
    public void Under_load_every_device_works_and_its_own_has_one_image_more()
    {
        ExtractorSlot[] slots = [new("0@a", There), new("0@here", Here), new("1@a", There), new("0@b", Silo(3))];
        var outstanding = slots.ToDictionary(s => s, _ => 0);
        for (int image = 0; image < 41; image++) outstanding[First(slots, image, s => outstanding[s])]++;
        Assert.All(outstanding, o => Assert.Equal(o.Key.Silo.Equals(Here) ? 11 : 10, o.Value));
    }

    [Fact]
    public void Without_a_device_of_its_own_equals_take_turns()
    {
        ExtractorSlot[] slots = [new("0@a", There), new("1@a", There), new("0@b", Silo(3))];
        Assert.Equal(slots, Enumerable.Range(0, 3).Select(turn => First(slots, turn, _ => 0)));
    }

    private static ExtractorSlot First(ExtractorSlot[] slots, int turn, Func<ExtractorSlot, int> outstanding)
        => ExtractorPool.InOrder(slots, turn, s => s.Silo.Equals(Here), outstanding).First();

    private static SiloAddress Silo(int generation) => SiloAddress.New(IPAddress.Loopback, 11111, generation);
}
