namespace SpadeCluster.Cli.Planning.Simulation;

/// <summary>What a simulation found. Times are those of answered images after the warm-up.</summary>
/// <param name="Arrived">Images sent; each is answered or refused.</param>
/// <param name="PerSecond">Answers per second after the warm-up.</param>
/// <param name="Seconds">Latencies in seconds, ascending.</param>
/// <param name="GatewayBusy">Share of its processors' time, or of the machine's, that each gateway silo used.</param>
/// <param name="ExtractorBusy">The same of extractors: devices, or processors of silos with extractors.</param>
/// <param name="GalleryBusy">The same of gallery silos.</param>
internal sealed record SimulationResult(int Arrived, int Answered, int Refused, double PerSecond, IReadOnlyList<double> Seconds,
    IReadOnlyList<double> GatewayBusy, IReadOnlyList<double> ExtractorBusy, IReadOnlyList<double> GalleryBusy)
{
    /// <summary>By nearest rank, in milliseconds; 0 without answers.</summary>
    public double Percentile(double share) =>
        Seconds.Count == 0 ? 0 : 1000 * Seconds[Math.Max(0, (int)Math.Ceiling(share * Seconds.Count) - 1)];
}

/// <summary>
/// Images on their way through the queues of a cluster: admission and slots of a gateway, decoding, extractor slots (the least busy of
/// some, a gateway's own ones first), image search in every shard, pixel search in the shards that hold neighbours, map and answer. All
/// that a silo does at the same time shares its processors; so do all silos of one machine.
/// Times of service are random around their measured mean; arrivals are random (Poisson), or each connection sends its next image after an
/// answer. The same seed gives the same result.
/// </summary>
internal sealed class SimulatedCluster
{
    /// <summary>Share of the images, the first ones, that do not count.</summary>
    public const double WarmUp = 0.2;

    private const double RetryAfter = 0.2;
    private const int TilesExtractedAtOnce = 8, SlotsCompared = 16, OwnLead = 1;

    private readonly EventQueue _events = new();
    private readonly Random _random;
    private readonly IEnumerator<double> _gaps;
    private readonly ServiceTimes _times;
    private readonly SimulatedSettings _settings;
    private readonly Station? _others;
    private readonly SimulatedSilo[] _gateways, _extractorSilos, _galleries;
    private readonly SimulatedExtractor[] _extractors;
    private readonly List<double> _latencies = [];
    private int _arrived, _answered, _refused;
    private double _measuredFrom, _measuredUntil;
    private double[] _busyBefore = [], _busyAfter = [];

    public SimulatedCluster(SimulatedSettings settings)
    {
        _settings = settings;
        _random = new Random(settings.Seed);
        _gaps = Gaps(settings.Seed, settings.PerSecond).GetEnumerator();
        // A seed of its own: long services must not go with long gaps.
        _times = new ServiceTimes(~settings.Seed);
        var machine = settings.OneMachine ? new SharedProcessors(_events, settings.Processors) : null;
        _others = machine is null ? null : new Station(machine);
        bool together = settings.Extractors is null, alone = settings.Galleries is null;
        _gateways = Silos(settings.Gateways, together ? settings.ExtractorSlots : 0);
        _extractorSilos = together ? _gateways : Silos(settings.Extractors!.Value, settings.ExtractorSlots);
        _galleries = alone ? _gateways : Silos(settings.Galleries!.Value, 0);
        _extractors = [.. _extractorSilos.SelectMany(s => s.Extractors)];

        SimulatedSilo[] Silos(int count, int slots) => [.. Enumerable.Range(0, count)
            .Select(_ => new SimulatedSilo(_events, settings.Processors, machine, settings.Slots, slots, settings.OnDevices))];
    }

    /// <summary>Seconds between arrivals at random times (a Poisson process), without end.</summary>
    public static IEnumerable<double> Gaps(int seed, double perSecond)
    {
        var random = new Random(seed);
        while (true) yield return -Math.Log(1 - random.NextDouble()) / perSecond;
    }

    private IEnumerable<Station> Stations => _gateways.Concat(_galleries).Select(s => s.Processors)
        .Concat(_extractors.Select(e => e.Device ?? e.Silo.Processors));

    /// <param name="images">Images to send.</param>
    public SimulationResult Run(int images)
    {
        if (_settings.Connections is { } connections)
            for (int i = 0; i < Math.Min(connections, images); i++) _events.After(0, () => Arrive(images));
        else _events.After(Gap(), () => Arrive(images));
        _events.Run();
        _latencies.Sort();
        double time = _measuredUntil - _measuredFrom;
        double[] busy = [.. _busyAfter.Zip(_busyBefore, (after, before) => time > 0 ? (after - before) / time : 0)];
        int g = _gateways.Length, s = _galleries.Length;
        return new SimulationResult(_arrived, _answered, _refused, time > 0 ? _latencies.Count / time : 0, _latencies,
            [.. busy[..g].Select(b => b / _settings.Processors)],
            [.. busy[(g + s)..].Select(b => b / (_settings.OnDevices ? 1 : _settings.Processors))],
            [.. busy[g..(g + s)].Select(b => b / _settings.Processors)]);
    }

    private double Gap()
    {
        _gaps.MoveNext();
        return _gaps.Current;
    }

    private void Arrive(int images)
    {
        if (_arrived == images) return;
        _arrived++;
        if (_arrived == Math.Max(1, (int)(WarmUp * images))) (_measuredFrom, _busyBefore) = (_events.Now, Busy());
        if (_settings.Connections is null) _events.After(Gap(), () => Arrive(images));
        var gateway = _gateways[_random.Next(_gateways.Length)];
        if (gateway.InFlight == _settings.Admitted)
        {
            _refused++;
            // A connection tries again; other clients' repeated images are part of their rate.
            if (_settings.Connections is not null) _events.After(RetryAfter, () => Arrive(images));
            return;
        }
        gateway.InFlight++;
        double began = _events.Now, slowness = _times.Next(1, _settings.Variation.Image);
        Work(_settings.Other / 2, () => gateway.Slots.Acquire(() => Score(gateway, slowness, () =>
        {
            gateway.Slots.Release();
            gateway.Processors.Serve(slowness * _settings.Answer, () => Work(_settings.Other / 2, () =>
            {
                gateway.InFlight--;
                _answered++;
                if (_busyBefore.Length > 0 && began >= _measuredFrom) _latencies.Add(_events.Now - began);
                // The queues are as full as in the time before only as long as images arrive; the last answers come from emptying ones.
                if (_arrived < images || _measuredUntil == 0) (_measuredUntil, _busyAfter) = (_events.Now, Busy());
                if (_settings.Connections is not null) Arrive(images);
            }));
        })));

        void Work(double seconds, Action done)
        {
            if (seconds > 0) (_others ?? gateway.Processors).Serve(seconds, done);
            else done();
        }
    }

    private double[] Busy() => [.. Stations.Select(s => s.BusySeconds)];

    /// <param name="slowness">Factor of the times of all of the image's stages.</param>
    private void Score(SimulatedSilo gateway, double slowness, Action done)
    {
        var (s, v) = (_settings, _settings.Variation);
        int category = _random.Next(s.Categories);
        bool localised = _random.NextDouble() < s.Localised;
        gateway.Decode(_times.Next(slowness * s.Prepare, v.Prepare), () =>
            Each(s.Tiles, TilesExtractedAtOnce, next => Extract(gateway, slowness, next), () =>
                Each(s.Tiles, s.Processors, next =>
                    Ask(gateway, category, s.Shards, slowness * s.ImageSearch, v.ImageSearch, (silo, seconds, answered) =>
                        silo.Processors.Serve(seconds, answered), next), () =>
                {
                    if (localised)
                        Each(s.Tiles, s.Processors, next =>
                            Ask(gateway, category, s.ShardsWithNeighbours, slowness * s.PixelSearch, v.PixelSearch,
                                (silo, seconds, answered) => silo.Search(seconds, s.SearchParts, answered), next),
                            () => gateway.Processors.Serve(_times.Next(slowness * s.Map, v.Map), done));
                    else done();
                })));
    }

    /// <summary>Does something for each tile, a few at a time.</summary>
    private static void Each(int tiles, int atOnce, Action<Action> work, Action done)
    {
        var permits = new Permits(atOnce);
        int left = tiles;
        for (int i = 0; i < tiles; i++)
            permits.Acquire(() => work(() =>
            {
                permits.Release();
                if (--left == 0) done();
            }));
    }

    private void Extract(SimulatedSilo gateway, double slowness, Action done)
    {
        var extractor = Choose(gateway);
        bool here = extractor.Silo == gateway;
        double seconds = _times.Next(_settings.OnDevices ? _settings.Extract : slowness * _settings.Extract, _settings.Variation.Extract);
        Send(here, () => extractor.Extract(seconds, _settings.ExtractParts, () => Send(here, done)));
    }

    /// <summary>The least busy slot; one of the gateway's own as long as it has at most one image more.</summary>
    private SimulatedExtractor Choose(SimulatedSilo gateway)
    {
        SimulatedExtractor? best = null;
        int least = int.MaxValue;
        foreach (var own in gateway.Extractors) Compare(own, own.InFlight - OwnLead);
        if (_extractors.Length <= SlotsCompared) foreach (var slot in _extractors) Compare(slot, slot.InFlight);
        else for (int i = 0; i < SlotsCompared; i++)
        {
            var slot = _extractors[_random.Next(_extractors.Length)];
            Compare(slot, slot.InFlight);
        }
        return best!;

        void Compare(SimulatedExtractor slot, int load)
        {
            if (load < least) (best, least) = (slot, load);
        }
    }

    /// <summary>Asks some shards of the category, each in one of its replicas.</summary>
    private void Ask(SimulatedSilo gateway, int category, int shards, double mean, double variation,
        Action<SimulatedSilo, double, Action> search, Action done)
    {
        int left = shards;
        for (int shard = 0; shard < shards; shard++)
        {
            // Without silos for galleries every server has all galleries itself.
            var silo = _settings.Galleries is not { } galleries ? gateway : _galleries[SiloOf(category * _settings.Shards + shard,
                _random.Next(Math.Min(_settings.Replicas, galleries)), galleries)];
            double seconds = _times.Next(mean, variation);
            Send(silo == gateway, () => search(silo, seconds, () => Send(silo == gateway, () =>
            {
                if (--left == 0) done();
            })));
        }
    }

    /// <summary>Where a replica of a shard is: by a hash, as in the cluster, so that some silos have more shards than others.</summary>
    /// <param name="shard">Number of the shard among those of all categories.</param>
    public static int SiloOf(int shard, int replica, int silos)
    {
        // The finalizer of SplitMix64 (Steele, Lea and Flood 2014).
        ulong hash = unchecked((ulong)shard * 0x9E3779B97F4A7C15);
        hash = unchecked((hash ^ (hash >> 30)) * 0xBF58476D1CE4E5B9);
        hash = unchecked((hash ^ (hash >> 27)) * 0x94D049BB133111EB);
        return (int)(((hash ^ (hash >> 31)) + (ulong)replica) % (ulong)silos);
    }

    /// <summary>A message to another silo takes the network's time.</summary>
    private void Send(bool here, Action arrived)
    {
        if (here) arrived();
        else _events.After(_settings.Hop, arrived);
    }
}
