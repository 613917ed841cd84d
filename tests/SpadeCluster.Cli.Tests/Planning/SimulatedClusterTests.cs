using FsCheck;
using FsCheck.Fluent;
using SpadeCluster.Cli.Planning;
using SpadeCluster.Cli.Planning.Simulation;

namespace SpadeCluster.Cli.Tests.Planning;

public sealed class SimulatedClusterTests
{
    /// <summary>M/G/1 with processor sharing, whatever the variation. Several gateways are as many independent queues.</summary>
    [Theory]
    [InlineData(1, 0.5, 0)]
    [InlineData(1, 0.8, 0)]
    [InlineData(5, 0.8, 0)]
    [InlineData(1, 0.5, 0.5)]
    [InlineData(1, 0.7, 1)]
    [InlineData(5, 0.8, 0.5)]
    public void Images_take_as_long_as_theory_says(int gateways, double busy, double variation)
    {
        const double Service = 0.02;
        var result = new SimulatedCluster(new()
        {
            PerSecond = gateways * busy / Service,
            Gateways = gateways,
            Answer = Service,
            Variation = StageVariation.None with { Image = variation },
        }).Run(400_000);

        Assert.Equal(1, result.Seconds.Average() / (Service / (1 - busy)), 0.03);
        Assert.Equal(gateways, result.GatewayBusy.Count);
        Assert.All(result.GatewayBusy, b => Assert.Equal(busy, b, 0.02));
        Assert.Equal(gateways * busy / Service, result.PerSecond, 0.02 * gateways * busy / Service);
    }

    /// <summary>Erlang's B formula, which holds for any service: a gateway that lets nobody wait.</summary>
    [Theory]
    [InlineData(1, 0.5)]
    [InlineData(4, 3)]
    [InlineData(10, 12)]
    public void A_gateway_refuses_the_share_that_theory_says(int processors, double load)
    {
        var result = new SimulatedCluster(new() { PerSecond = load, Processors = processors, Admitted = processors, Answer = 1 })
            .Run(200_000);

        Assert.Equal(1, result.Refused / (double)result.Arrived / StationTests.ErlangB(processors, load), 0.03);
        Assert.Equal(1, result.Percentile(1) / 1000, 9);
    }

    /// <summary>Slots are servers with one queue: with one, an image's whole way is one service of M/D/1 (Pollaczek and
    /// Khinchine).</summary>
    [Fact]
    public void A_slot_is_held_until_the_map_is_ready()
    {
        const double Way = 0.05 + 2 * 0.01;
        var result = new SimulatedCluster(new()
        {
            PerSecond = 0.6 / Way,
            Slots = 1,
            Processors = 100,
            Extractors = 1,
            Galleries = 1,
            Prepare = 0.01,
            Extract = 0.01,
            ImageSearch = 0.01,
            PixelSearch = 0.01,
            Map = 0.01 - 6 * 0.001 + 0.02,
            Hop = 0.001,
            Answer = 0.005,
        }).Run(400_000);

        Assert.Equal(1, result.Seconds.Average() / (0.005 + Way + 0.6 * Way / (2 * 0.4)), 0.03);
    }

    /// <summary>Pixel searches wait for a processor in order of arrival: M/D/1 (Pollaczek and Khinchine), not shared processors, with which
    /// they would take 0.01 / (1 - 0.7).</summary>
    [Fact]
    public void Pixel_searches_wait_in_order_of_arrival()
    {
        var result = new SimulatedCluster(new() { PerSecond = 0.7 / 0.01, Galleries = 1, PixelSearch = 0.01 }).Run(400_000);

        Assert.Equal(1, result.Seconds.Average() / (0.01 + 0.7 * 0.01 / (2 * 0.3)), 0.03);
    }

    [Fact]
    public void Clients_that_wait_for_answers_use_all_processors()
    {
        var result = new SimulatedCluster(new() { Connections = 8, Processors = 4, Prepare = 0.1, Answer = 0.1 }).Run(4000);

        Assert.Equal(20, result.PerSecond, 0.1);
        // Eight images share four processors.
        Assert.Equal(400, result.Percentile(0.5), 1.0);
        Assert.Equal((4000, 4000), (result.Arrived, result.Answered));
    }

    /// <summary>Of images that never wait: the variances of independent times add up, and all are multiplied by the image's
    /// factor.</summary>
    [Theory]
    [InlineData(1, 0)]
    [InlineData(3, 0)]
    [InlineData(3, 0.3)]
    public void The_variation_of_stages_is_in_the_latencies(int tiles, double image)
    {
        var result = new SimulatedCluster(new()
        {
            PerSecond = 0.001,
            Tiles = tiles,
            Galleries = 1,
            Prepare = 0.02,
            Extract = 0.03,
            ImageSearch = 0.01,
            PixelSearch = 0.04,
            Map = 0.05,
            Answer = 0.06,
            Variation = new(0.5, 0.4, 0.3, 0.2, 0.1, image),
        }).Run(100_000);

        double mean = result.Seconds.Average(), whole = 0.13 + tiles * 0.08;
        double one = 0.02 * 0.02 * 0.25 + 0.05 * 0.05 * 0.01, tile = 0.03 * 0.03 * 0.16 + 0.01 * 0.01 * 0.09 + 0.04 * 0.04 * 0.04;
        double variance = (1 + image * image) * (one + tiles * tile) + image * image * whole * whole;
        Assert.Equal(1, mean / whole, 0.01);
        Assert.Equal(1, result.Seconds.Average(s => (s - mean) * (s - mean)) / variance, 0.05);
    }

    [Fact]
    public void Silos_on_one_machine_share_its_processors()
    {
        var result = new SimulatedCluster(new()
        {
            Connections = 8,
            OneMachine = true,
            Processors = 2,
            Galleries = 2,
            Shards = 2,
            ShardsWithNeighbours = 2,
            Prepare = 0.1,
            PixelSearch = 0.1,
            Other = 0.1,
        }).Run(2000);

        // An image takes 0.4 s of two processors, and eight images wait for each other.
        Assert.Equal(5, result.PerSecond, 0.05);
        Assert.Equal(1600, result.Percentile(0.5), 20.0);
        // Of the machine's processors; other programs have the last quarter.
        Assert.All(result.GatewayBusy.Concat(result.GalleryBusy), b => Assert.Equal(0.25, b, 0.01));
    }

    [Fact]
    public void Tiles_that_wait_for_an_extractor_are_answered_together()
    {
        var events = new EventQueue();
        var extractor = new SimulatedSilo(events, 4, null, 1, 1, onDevices: false).Extractors[0];
        var ends = new List<double>();
        for (int tile = 0; tile < 10; tile++) extractor.Extract(1, 1, () => ends.Add(Math.Round(events.Now, 6)));
        events.Run();

        // One that found it idle, a full batch, and the last one.
        Assert.Equal([1, .. Enumerable.Repeat(9.0, 8), 10], ends);
    }

    [Fact]
    public void Arrivals_are_a_Poisson_process()
    {
        double[] gaps = [.. SimulatedCluster.Gaps(1, 5).Take(200_000)];

        Assert.Equal(0.2, gaps.Average(), 0.002);
        Assert.Equal(Math.Exp(-1), gaps.Count(g => g > 0.2) / 200_000.0, 0.005);
    }

    [Fact]
    public void A_tile_uses_all_processors_of_an_idle_silo()
    {
        var result = new SimulatedCluster(new() { PerSecond = 0.001, Processors = 4, PixelSearch = 0.4, SearchParts = 4, Extract = 0.2 })
            .Run(100);

        Assert.Equal(300, result.Percentile(0.5), 1e-6);
    }

    [Fact]
    public void Each_image_is_answered_or_refused()
        => Check.One(Config.QuickThrowOnFailure, Prop.ForAll(Cases, s =>
        {
            var result = new SimulatedCluster(s).Run(300);
            return result.Arrived == 300 && result.Answered + result.Refused == 300 && (s.Admitted < 300 || result.Refused == 0)
                && result.GatewayBusy.Concat(result.ExtractorBusy).Concat(result.GalleryBusy).All(b => b is >= 0 and < 1.2);
        }));

    [Fact]
    public void The_same_seed_gives_the_same_result()
        => Check.One(Config.QuickThrowOnFailure.WithMaxTest(30), Prop.ForAll(Cases, s =>
        {
            var (one, two, other) = (new SimulatedCluster(s).Run(200), new SimulatedCluster(s).Run(200),
                new SimulatedCluster(s with { Seed = s.Seed + 1 }).Run(200));
            return one.Seconds.SequenceEqual(two.Seconds) && one.GalleryBusy.SequenceEqual(two.GalleryBusy)
                && (s.Connections is not null || !one.Seconds.SequenceEqual(other.Seconds));
        }));

    private static Arbitrary<SimulatedSettings> Cases => Arb.From(
        from seed in Gen.Choose(0, 10_000)
        from numbers in Gen.ArrayOf(Gen.Choose(1, 6), 8)
        from layout in Gen.Choose(0, 2)
        from admitted in Gen.Elements(1, 8, 1000)
        from connections in Gen.Elements<int?>(null, null, 5)
        from devices in Gen.Elements(true, false)
        from varied in Gen.Elements(true, false)
        select new SimulatedSettings
        {
            Seed = seed,
            PerSecond = 5 * numbers[0],
            // Refused ones of waiting clients arrive again.
            Connections = admitted > 5 ? connections : null,
            Gateways = numbers[1],
            Extractors = layout == 2 ? numbers[2] : null,
            Galleries = layout > 0 ? numbers[3] : null,
            ExtractorSlots = numbers[4],
            OneMachine = numbers[6] > 4,
            Other = numbers[7] / 500.0,
            OnDevices = devices,
            Processors = numbers[5],
            Admitted = admitted,
            Slots = 3 * numbers[0],
            Categories = numbers[6],
            Shards = numbers[7],
            ShardsWithNeighbours = 1 + numbers[7] / 2,
            Replicas = 1 + numbers[0] % 3,
            Tiles = numbers[2] * 2,
            Localised = numbers[3] / 6.0,
            Variation = varied ? new(0.1, 0.2, 0.3, 0.4, 0.5, numbers[1]) : StageVariation.None,
            Prepare = 0.01,
            Extract = 0.004,
            ExtractParts = 1 + numbers[5] / 2,
            ImageSearch = 0.001,
            PixelSearch = 0.003,
            SearchParts = 1 + numbers[5] / 3,
            Map = 0.002,
            Answer = 0.003,
            Hop = 0.0005,
        });
}
