using FsCheck;
using FsCheck.Fluent;
using SpadeCluster.Cli.Planning;
using SpadeCluster.Features;

namespace SpadeCluster.Cli.Tests.Planning;

public sealed class PlannerTests
{
    private static readonly UnitFigures Figures = UnitFigures.Read(null);

    /// <summary>The bytes that the cluster's own tests count, per shard and for the image.</summary>
    [Fact]
    public void Bytes_between_silos_are_those_that_the_cluster_counts()
    {
        var model = Figures.Model with { PooledLength = 2048, Levels = [new(56, 56, 256), new(28, 28, 512), new(14, 14, 1024)] };
        var costs = ImageCosts.Of(Figures with { Model = model },
            new PlannedLoad { Shards = 4, Localised = 0, Normals = 1000, Neighbours = 50 }, null);

        Assert.Equal((150_528, 8192), (costs.TileBytes, costs.FeatureBytes));
        Assert.Equal(4 * 8792, costs.QueryBytes + costs.FoundBytes);
    }

    [Fact]
    public void Silos_are_as_many_as_the_work_needs()
    {
        var load = new PlannedLoad { Lines = 100, Rate = 2, Tiles = 4, Megapixels = 3, Categories = 200 };
        var plan = Planner.Make(Figures, load, new PlannedMachines { Processors = 8, Busy = 0.5 }, 4000);

        foreach (var role in plan.Roles)
        {
            Assert.InRange(role.Busy, 0.01, 0.5);
            // With one silo less it would be too busy. Galleries may have more silos, because hashing gives one of them more shards.
            Assert.True(role.Silos == 1 || role.Role == "gallery" || role.Busy * role.Silos / (role.Silos - 1) > 0.5,
                $"{role.Silos} {role.Role} silos, {role.Busy}");
        }
        Assert.Equal(4000, plan.Simulated.Answered + plan.Simulated.Refused);
        Assert.Equal(200, plan.Simulated.PerSecond, 10.0);
        // Processors that are busy in the plan are as busy in the simulation.
        Assert.All(plan.Roles, r => Assert.InRange(r.Busiest, r.Busy * 0.9, r.Busy * 2));
        Assert.InRange(plan.Full!.Value, 400, 500);
    }

    [Fact]
    public void Memory_asks_for_gallery_silos()
    {
        var load = new PlannedLoad { Categories = 400, Normals = 200, Replicas = 2 };
        var small = Planner.Make(Figures, load, new PlannedMachines { Memory = 8e9 }, 200);
        var large = Planner.Make(Figures, load, new PlannedMachines { Memory = 64e9 }, 200);

        var (few, many) = (large.Roles.Single(r => r.Role == "gallery"), small.Roles.Single(r => r.Role == "gallery"));
        Assert.True(many.Silos > few.Silos, $"{many.Silos} of 8 GB, {few.Silos} of 64 GB");
        Assert.InRange(many.MemoryBytes, 1e9, 8e9);
        Assert.Equal(small.GalleryBytes, large.GalleryBytes);
    }

    [Fact]
    public void One_shard_cannot_use_two_silos()
    {
        var load = new PlannedLoad { Lines = 100, Rate = 2, Tiles = 4 };
        var plan = Planner.Make(Figures, load, new PlannedMachines(), 20_000);

        var gallery = plan.Roles.Single(r => r.Role == "gallery");
        Assert.Equal(1, gallery.Silos);
        Assert.True(gallery.Busy > 1, $"{gallery.Busy}");
        Assert.Equal("processors of gallery silos", plan.Bottleneck);
        Assert.Equal(200 / gallery.Busy, plan.Full!.Value, 6);
        Assert.True(plan.Simulated.Refused > 0);
        Assert.Contains(plan.Notes, n => n.Contains("--shards", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("Serve")]
    [InlineData("Galleries")]
    [InlineData("Separate")]
    public void One_machine_is_full_with_the_work_of_all_silos_and_of_others(string layout)
    {
        var load = new PlannedLoad { Rate = 3, Shards = 2, Replicas = 2 };
        var machines = new PlannedMachines
        {
            Layout = Enum.Parse<Layout>(layout),
            OneMachine = true,
            OtherMs = 30,
            Threads = 1,
        };
        var plan = Planner.Make(Figures, load, machines, 1000);

        Assert.Equal(("processors of the machine", 1), (plan.Bottleneck, plan.Resources.Count));
        Assert.Equal(1000 * machines.Processors / plan.ImageMs.Values.Sum(), plan.Full!.Value, 1e-6);
        Assert.All(plan.Roles, r => Assert.Equal(machines.Processors, r.Processors));
        var waiting = Planner.Make(Figures, load, machines, 4000, connections: 16);
        Assert.Equal(1, waiting.Simulated.PerSecond / plan.Full.Value, 0.02);
    }

    [Fact]
    public void Devices_take_the_extraction()
    {
        var load = new PlannedLoad { Lines = 50, Rate = 4, Tiles = 13, Megapixels = 5 };
        var separate = Planner.Make(Figures, load,
            new PlannedMachines { Layout = Layout.Separate, Processors = 16, DeviceMs = 1.5, Devices = 2 }, 2000);

        var extractor = separate.Roles.Single(r => r.Role == "extractor");
        // 200 images/s x 13 tiles x 1.5 ms are 3.9 devices.
        Assert.Equal((3, 6), (extractor.Silos, extractor.Devices));
        Assert.Equal(3.9 / 6, extractor.DevicesBusy, 3);
    }

    [Fact]
    public void Slow_networks_ask_for_silos()
    {
        var load = new PlannedLoad { Lines = 50, Rate = 4, Tiles = 13, Categories = 100 };
        PlannedRole Extractors(double network) => Planner.Make(Figures, load, new PlannedMachines
        {
            Layout = Layout.Separate,
            Processors = 16,
            DeviceMs = 1,
            Network = network,
        }, 200).Roles.Single(r => r.Role == "extractor");

        var (fast, slow) = (Extractors(100e9), Extractors(1e9));
        Assert.True(slow.Silos > fast.Silos && slow.NetworkBusy <= 0.7, $"{slow}, {fast}");
    }

    [Fact]
    public void More_load_needs_no_less()
        => Check.One(Config.QuickThrowOnFailure.WithMaxTest(60), Prop.ForAll(Loads, pair =>
        {
            var machines = new PlannedMachines();
            var (a, b) = (Planner.Make(Figures, pair.Less, machines, 100), Planner.Make(Figures, pair.More, machines, 100));
            // More categories can be better balanced, with fewer silos.
            bool silos = pair.Less.Categories != pair.More.Categories
                || a.Roles.Zip(b.Roles).All(r => r.First.Silos <= r.Second.Silos);
            return silos && a.GalleryBytes <= b.GalleryBytes
                && a.DiskBytes <= b.DiskBytes && a.ImageMs.Values.Sum() <= b.ImageMs.Values.Sum() + 1e-9
                && a.Network.All(n => n.Value <= b.Network[n.Key] + 1e-9) && a.DecisionsPerSecond <= b.DecisionsPerSecond;
        }));

    /// <summary>A load, and one that is greater in one respect.</summary>
    private static Arbitrary<(PlannedLoad Less, PlannedLoad More)> Loads => Arb.From(
        from lines in Gen.Choose(1, 20)
        from tiles in Gen.Choose(1, 13)
        from normals in Gen.Choose(4, 300)
        from categories in Gen.Choose(1, 50)
        from neighbours in Gen.Choose(1, 60)
        from localised in Gen.Choose(0, 9)
        from which in Gen.Choose(0, 6)
        let less = new PlannedLoad
        {
            Lines = lines,
            Tiles = tiles,
            Normals = normals,
            Categories = categories,
            Neighbours = neighbours,
            Localised = localised / 10.0,
        }
        select (less, which switch
        {
            0 => less with { Lines = 2 * lines },
            1 => less with { Tiles = tiles + 1 },
            2 => less with { Normals = 2 * normals },
            3 => less with { Categories = categories + 3 },
            4 => less with { Neighbours = neighbours + 10 },
            5 => less with { Localised = less.Localised + 0.1 },
            _ => less with { Megapixels = 2 * less.Megapixels },
        }));
}
