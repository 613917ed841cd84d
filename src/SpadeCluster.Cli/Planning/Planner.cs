using SpadeCluster.Cli.Planning.Simulation;
using SpadeCluster.Galleries;
using SpadeCluster.Server.Admission;
using SpadeCluster.Storage.Files;

namespace SpadeCluster.Cli.Planning;

/// <summary>Finds the silos that a load needs, and simulates them.</summary>
internal sealed class Planner
{
    /// <summary>Memory of a silo's program without galleries and images.</summary>
    private const double ProgramBytes = 0.5e9;

    /// <summary>Adds silos for an even load, up to this multiple of those needed.</summary>
    private const int MostForBalance = 3;

    private readonly UnitFigures _figures;
    private readonly PlannedLoad _load;
    private readonly PlannedMachines _machines;
    private readonly ImageCosts _costs;

    /// <summary>Processor seconds of an image, by role.</summary>
    private readonly double _gateway, _extractor, _gallery;
    private readonly double _galleryBytes;
    private readonly List<string> _notes = [];

    private Planner(UnitFigures figures, PlannedLoad load, PlannedMachines machines)
    {
        (_figures, _load, _machines) = (figures, load, machines);
        var c = _costs = ImageCosts.Of(figures, load, machines.DeviceMs);
        double search = c.ImageSearch + load.Localised * c.PixelSearch, map = load.Localised * c.Map;
        double tiles = machines.Layout == Layout.Separate ? c.SerialiseTiles : 0;
        bool serve = machines.Layout == Layout.Serve;
        _gateway = (c.Prepare + map + c.Answer + tiles + (serve ? 0 : c.SerialiseSearches)) / 1000;
        _extractor = ((machines.DeviceMs is null ? c.Extract : 0) + tiles) / 1000;
        _gallery = (search + (serve ? 0 : c.ReceiveSearches)) / 1000;
        _galleryBytes = (double)load.Categories * load.Shards
            * GalleryShard.WholeMemory(figures.Model, (load.Rows + load.Shards - 1) / load.Shards);
    }

    /// <param name="images">Images to simulate.</param>
    /// <param name="connections">Clients that each send an image when the one before is answered, instead of the load's rate.</param>
    public static Plan Make(UnitFigures figures, PlannedLoad load, PlannedMachines machines, int images, int seed = 1,
        int? connections = null)
        => new Planner(figures, load, machines).Make(images, seed, connections);

    private Plan Make(int images, int seed, int? connections)
    {
        var (m, load) = (_machines, _load);
        var network = Network(load.PerSecond, m.Layout == Layout.Serve ? 0 : 1);
        // On one machine, more silos of a role do not bring more processors.
        int gateways = m.Gateways ?? (m.OneMachine ? 1 : Math.Max(Silos(GatewayWork()), ForNetwork("gateway")));
        int extractors = m.Extractors ?? (m.OneMachine ? 1 : Math.Max(Silos(_extractor), ForNetwork("extractor")));
        if (m.DeviceMs is not null)
        {
            // A device's work is not a processor's.
            int devices = Math.Max(1, (int)Math.Ceiling(load.PerSecond * _costs.Extract / 1000 / m.Busy / m.Devices));
            if (m.Layout == Layout.Separate) extractors = m.Extractors ?? Math.Max(extractors, devices);
            else gateways = m.Gateways ?? Math.Max(gateways, devices);
        }
        int galleries = m.Galleries ?? (m.OneMachine ? load.Replicas : Galleries(ForNetwork("gallery")));
        if (m.Layout != Layout.Separate) extractors = 0;
        if (m.Layout == Layout.Serve) galleries = 0;

        var simulated = new SimulatedCluster(Settings(gateways, extractors, galleries, seed, connections)).Run(images);
        // The rate that the silos are busy with: of clients that wait for answers it follows from the simulation.
        double rate = connections is null ? load.PerSecond : simulated.PerSecond;
        var roles = Roles(gateways, extractors, galleries, rate, simulated);
        var resources = Resources(roles, rate, galleries);
        if (_figures.Variation is null)
            _notes.Add("the figures do not have the variation of stages, so latencies vary by waiting only: measure them again");
        if (simulated.Refused > 0)
            _notes.Add($"{simulated.Refused} images were refused, because a gateway has {m.Admitted} in progress at most; "
                + "clients repeat them");
        return new Plan(_figures.Machine, load, m, ImageMs(), roles, _galleryBytes * Copies(gateways, galleries),
            (double)load.Categories * load.Rows * new FileGalleryStore(".").BytesPerImage(_figures.Model),
            Network(rate, galleries), rate, load.Kept * rate * _costs.FileBytes,
            new SimulatedLatencies(simulated.Arrived, simulated.Answered, simulated.Refused, simulated.PerSecond,
                simulated.Percentile(0.5), simulated.Percentile(0.9), simulated.Percentile(0.99), simulated.Percentile(1)),
            resources.Count > 0 ? resources[0].Full : null, resources.Count > 0 ? resources[0].Name : "nothing", resources, _notes);

        int ForNetwork(string end) => (int)Math.Ceiling(8 * Fuller(network, end) / m.Network / m.Busy);
    }

    /// <summary>What is busy at a rate, the busiest first.</summary>
    private List<PlannedResource> Resources(List<PlannedRole> roles, double rate, int galleries)
    {
        var m = _machines;
        var busy = new List<(string Name, double Busy)>();
        foreach (var r in roles)
        {
            // Gateways and extractors share their work evenly; shards stay where they are.
            if (!m.OneMachine)
                busy.Add(($"processors of {r.Role} silos", r.Role == "gallery" ? r.Busy * Largest(galleries) * galleries : r.Busy));
            busy.Add(($"devices of {r.Role} silos", r.DevicesBusy));
            busy.Add(($"network of {r.Role} silos", r.NetworkBusy));
        }
        if (m.OneMachine) busy.Add(("processors of the machine", roles.Sum(r => r.Busy) + rate * m.OtherMs / 1000 / m.Processors));
        return [.. busy.Where(b => b.Busy > 0).OrderByDescending(b => b.Busy)
            .Select(b => new PlannedResource(b.Name, b.Busy, rate / b.Busy))];
    }

    private StageVariation Variation => _figures.Variation ?? StageVariation.None;

    /// <summary>Processor seconds of an image in silos with gateways.</summary>
    private double GatewayWork() => _machines.Layout switch
    {
        Layout.Serve => _gateway + _extractor + _gallery,
        Layout.Galleries => _gateway + _extractor,
        _ => _gateway,
    };

    private int Silos(double processorSeconds)
        => Math.Max(1, (int)Math.Ceiling(_load.PerSecond * processorSeconds / _machines.Busy / _machines.Processors));

    /// <summary>As many as searches need processors, shards need memory, messages need networks, and replicas need silos; more if
    /// hashing gives one of them too many shards.</summary>
    private int Galleries(int forNetwork)
    {
        double room = _machines.Memory - ProgramBytes;
        int forMemory = (int)Math.Ceiling(_galleryBytes * _load.Replicas / Math.Max(1, room));
        int silos = new[] { Silos(_gallery), forMemory, forNetwork, _load.Replicas }.Max();
        long shards = (long)_load.Categories * _load.Shards * _load.Replicas;
        if (silos > shards)
        {
            _notes.Add($"galleries need {silos} silos, but there are {shards} shards with their replicas: raise --shards or --replicas");
            return (int)shards;
        }
        int most = (int)Math.Min(shards, MostForBalance * silos);
        var (best, least) = (silos, double.PositiveInfinity);
        for (int more = silos; more <= most; more++)
        {
            double largest = Largest(more);
            if (largest < least) (best, least) = (more, largest);
            if (_load.PerSecond * _gallery * largest / _machines.Processors <= _machines.Busy
                && _galleryBytes * _load.Replicas * largest <= room) break;
        }
        return best;
    }

    /// <summary>The largest share of the shards, replicas included, that one gallery silo has.</summary>
    private double Largest(int silos)
    {
        int[] held = new int[silos];
        int shards = _load.Categories * _load.Shards, replicas = Math.Min(_load.Replicas, silos);
        for (int shard = 0; shard < shards; shard++)
            for (int r = 0; r < replicas; r++) held[SimulatedCluster.SiloOf(shard, r, silos)]++;
        return held.Max() / ((double)shards * replicas);
    }

    /// <summary>How many times each shard is in memory.</summary>
    private int Copies(int gateways, int galleries) => galleries == 0 ? gateways : Math.Min(_load.Replicas, galleries);

    private SimulatedSettings Settings(int gateways, int extractors, int galleries, int seed, int? connections)
    {
        var (m, load, c) = (_machines, _load, _costs);
        bool serve = m.Layout == Layout.Serve;
        int with = Math.Max(1, (int)Math.Round(load.ShardsWithNeighbours));
        double Seconds(double ms) => ms / 1000;
        double searches = serve ? 0 : Seconds(c.SerialiseSearches), received = serve ? 0 : Seconds(c.ReceiveSearches);
        double tiles = m.Layout == Layout.Separate ? Seconds(c.SerialiseTiles) : 0;
        // Tiles that are searched at the same time share the processors.
        int parts = Math.Max(1, m.Parts / load.Tiles);
        return new SimulatedSettings
        {
            Seed = seed,
            PerSecond = load.PerSecond,
            Connections = connections,
            Gateways = gateways,
            Extractors = extractors == 0 ? null : extractors,
            Galleries = galleries == 0 ? null : galleries,
            Processors = m.Processors,
            OneMachine = m.OneMachine,
            Other = Seconds(m.OtherMs),
            Admitted = m.Admitted,
            // A gateway scores as many at once as it admits.
            Slots = serve ? AdmissionOptions.SlotsPerProcessor * m.Processors : m.Admitted,
            ExtractorSlots = m.DeviceMs is not null ? m.Devices : Math.Max(1, m.Processors / m.Parts),
            OnDevices = m.DeviceMs is not null,
            Categories = load.Categories,
            Shards = load.Shards,
            ShardsWithNeighbours = with,
            Replicas = load.Replicas,
            Tiles = load.Tiles,
            Localised = load.Localised,
            // That of a device was not measured.
            Variation = m.DeviceMs is null ? Variation : Variation with { Extract = 0 },
            Prepare = Seconds(c.Prepare),
            Extract = Seconds(c.Extract) / load.Tiles + (m.DeviceMs is null ? tiles / load.Tiles : 0),
            ExtractParts = m.Parts,
            ImageSearch = Seconds(c.ImageSearch) / load.Tiles / load.Shards,
            PixelSearch = (Seconds(c.PixelSearch) + received / Math.Max(0.01, load.Localised)) / load.Tiles / with,
            SearchParts = parts,
            Map = Seconds(c.Map),
            Answer = Seconds(c.Answer) + searches + tiles,
            Hop = m.Hop,
        };
    }

    private List<PlannedRole> Roles(int gateways, int extractors, int galleries, double rate, SimulationResult simulated)
    {
        var m = _machines;
        var network = Network(rate, galleries);
        double images = Math.Min(m.Admitted, 64) * (_costs.FileBytes + _costs.TileBytes + _costs.FeatureBytes)
            + m.Processors * 3e6 * _load.Megapixels;
        bool devices = m.DeviceMs is not null, own = extractors > 0;
        double devicesBusy = devices ? rate * _costs.Extract / 1000 / ((own ? extractors : gateways) * m.Devices) : 0;
        var roles = new List<PlannedRole>
        {
            Role(own ? "gateway" : galleries > 0 ? "gateway,extractor" : "serve", gateways, GatewayWork(), simulated.GatewayBusy,
                devices && !own, ProgramBytes + images + (galleries == 0 ? _galleryBytes : 0), "gateway"),
        };
        if (own) roles.Add(Role("extractor", extractors, _extractor, simulated.ExtractorBusy, devices, ProgramBytes + 0.3e9, "extractor"));
        if (galleries > 0)
            roles.Add(Role("gallery", galleries, _gallery, simulated.GalleryBusy, false,
                ProgramBytes + _galleryBytes * Copies(gateways, galleries) * Largest(galleries), "gallery"));
        return roles;

        PlannedRole Role(string name, int silos, double work, IReadOnlyList<double> busy, bool withDevices, double memory, string end)
        {
            int processors = m.OneMachine ? m.Processors : silos * m.Processors;
            return new(name, silos, processors, withDevices ? silos * m.Devices : 0, rate * work / processors,
                devices && name == "extractor" ? rate * work / processors : busy.Count == 0 ? 0 : busy.Max(),
                withDevices ? devicesBusy : 0, memory, m.OneMachine ? 0 : 8 * Fuller(network, end) / silos / m.Network);
        }
    }

    /// <summary>Bytes per second to or from a role, whichever are more: networks carry both at the same time.</summary>
    private static double Fuller(Dictionary<string, double> network, string end)
        => Math.Max(network.Where(n => n.Key.EndsWith("to " + end, StringComparison.Ordinal)).Sum(n => n.Value),
            network.Where(n => n.Key.StartsWith(end + " to", StringComparison.Ordinal)).Sum(n => n.Value));

    private Dictionary<string, double> Network(double rate, int galleries)
    {
        var network = new Dictionary<string, double> { ["client to gateway"] = rate * _costs.FileBytes };
        if (_machines.Layout == Layout.Separate)
        {
            network["gateway to extractor"] = rate * _costs.TileBytes;
            network["extractor to gateway"] = rate * _costs.FeatureBytes;
        }
        if (galleries > 0)
        {
            network["gateway to gallery"] = rate * _costs.QueryBytes;
            network["gallery to gateway"] = rate * _costs.FoundBytes;
        }
        return network;
    }

    private Dictionary<string, double> ImageMs()
    {
        var (c, localised) = (_costs, _load.Localised);
        var all = new Dictionary<string, double>
        {
            ["prepare"] = c.Prepare,
            [_machines.DeviceMs is null ? "extract" : "extract (device)"] = c.Extract,
            ["image search"] = c.ImageSearch,
            ["pixel search"] = localised * c.PixelSearch,
            ["map"] = localised * c.Map,
            ["answer"] = c.Answer,
        };
        if (_machines.Layout == Layout.Separate) all["messages with extractors"] = 2 * c.SerialiseTiles;
        if (_machines.Layout != Layout.Serve) all["messages with galleries"] = c.SerialiseSearches + c.ReceiveSearches;
        if (_machines.OtherMs > 0) all["other programs"] = _machines.OtherMs;
        return all;
    }
}
