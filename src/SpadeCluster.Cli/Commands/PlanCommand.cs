using System.CommandLine;
using SpadeCluster.Cli.Output;
using SpadeCluster.Cli.Planning;
using SpadeCluster.Features;

namespace SpadeCluster.Cli.Commands;

/// <summary>spade plan</summary>
internal static class PlanCommand
{
    private const int MostShards = 1_000_000;

    private static readonly PlannedLoad Load = new();
    private static readonly PlannedMachines Machines = new();

    public static Command Create()
    {
        var lines = Number("--lines", "Production lines.", Load.Lines, 1, 1_000_000);
        var rate = Number("--rate", "Images per second of a line.", Load.Rate, 0.0001, 10_000);
        var megapixels = Number("--megapixels", "Size of a photograph.", Load.Megapixels, 0.001, 1000);
        var format = new Option<string>("--format") { Description = "File format: jpeg or png.", DefaultValueFactory = _ => Load.Format };
        format.AcceptOnlyFromAmong("jpeg", "png");
        var tiles = Number("--tiles", "Tiles of a photograph, the whole one included ('gallery show' tells them).", Load.Tiles, 1,
            TileGrid.MaxTiles + 1);
        var neighbours = Number("--gallery-k", "Nearest normals searched by pixel.", Load.Neighbours, 1, 1_000_000);
        var localised = Number("--localised", "Share of the images that are localised.", Load.Localised, 0, 1);
        var categories = Number("--categories", "Categories.", Load.Categories, 1, 1_000_000);
        var normals = Number("--normals", "Normals of a category.", Load.Normals, 1, 1_000_000);
        var shards = Number("--shards", "Shards of a category.", Load.Shards, 1, 1024);
        var replicas = Number("--replicas", "Gallery silos that hold each shard.", Load.Replicas, 1, 16);
        var kept = Number("--keep", "Share of the decisions whose photograph is kept.", Load.Kept, 0, 1);
        var layout = new Option<string>("--layout")
        {
            Description = "serve: independent servers; galleries: gateways with extractors, and galleries; separate: each role its own "
                + "silos.",
            DefaultValueFactory = _ => "galleries",
        };
        layout.AcceptOnlyFromAmong("serve", "galleries", "separate");
        var processors = Number("--processors", "Processors of a silo.", Machines.Processors, 1, 1024);
        var oneMachine = new Option<bool>("--one-machine") { Description = "All silos are on one machine and share its processors." };
        var other = Number("--other-ms", "Processor time of other programs on that machine for each image, such as clients and the "
            + "database.", Machines.OtherMs, 0, 100_000);
        var memory = Number("--memory-gb", "Memory of a silo, in GB.", Machines.Memory / 1e9, 0.6, 100_000);
        var threads = Number("--threads", "Threads for one tile; 0: all processors.", Machines.Threads, 0, 1024);
        var device = new Option<double?>("--device-ms")
        {
            Description = "Extraction on GPUs that take this time for a tile.",
            HelpName = "MS"
        };
        var devices = Number("--devices", "GPUs of a silo with extractors.", Machines.Devices, 1, 64);
        var busy = Number("--busy", "Share of time that processors and GPUs may be busy.", Machines.Busy, 0.05, 0.99);
        var network = Number("--network-gbit", "Network of a silo, in Gbit/s.", Machines.Network / 1e9, 0.01, 1000);
        var hop = Number("--hop-ms", "Time of a message between silos.", Machines.Hop * 1000, 0, 10_000);
        var admitted = Number("--admitted", "Images in progress at one gateway; more are refused.", Machines.Admitted, 1, 1_000_000);
        var (gateways, extractors, galleries) = (Silos("--gateways"), Silos("--extractors"), Silos("--galleries"));
        var connections = new Option<int?>("--connections")
        {
            Description = "Instead of images at random times: clients that each send one when the one before is answered.",
            HelpName = "N",
        };
        var images = Number("--images", "Images to simulate.", 20_000, 100, 10_000_000);
        var seed = new Option<int>("--seed") { Description = "The same seed gives the same plan.", DefaultValueFactory = _ => 1 };
        var figures = new Option<string?>("--figures")
        {
            Description = "File of 'bench calibrate'; without it, figures of another machine, which the plan names.",
            HelpName = "FILE",
        };
        var page = new Option<string?>("--html") { Description = "Page with charts, which needs no other file.", HelpName = "FILE" };
        var json = CommonOptions.Json();
        var command = new Command("plan",
            "Plan a cluster for a load: silos, memory, network, latencies, and what limits it.\n\nExample: spade plan --lines 20 --rate 2 "
            + "--megapixels 12 --tiles 13 --categories 40 --replicas 2 --figures figures.json")
        {
            lines, rate, megapixels, format, tiles, neighbours, localised, categories, normals, shards, replicas, kept, layout, processors,
            oneMachine, other, memory, threads, device, devices, busy, network, hop, admitted, gateways, extractors, galleries,
            connections, images, seed, figures, page, json,
        };
        command.SetAction(parsed =>
        {
            var load = new PlannedLoad
            {
                Lines = parsed.GetValue(lines),
                Rate = parsed.GetValue(rate),
                Megapixels = parsed.GetValue(megapixels),
                Format = parsed.GetRequiredValue(format),
                Tiles = parsed.GetValue(tiles),
                Neighbours = parsed.GetValue(neighbours),
                Localised = parsed.GetValue(localised),
                Categories = parsed.GetValue(categories),
                Normals = parsed.GetValue(normals),
                Shards = parsed.GetValue(shards),
                Replicas = parsed.GetValue(replicas),
                Kept = parsed.GetValue(kept),
            };
            var machines = new PlannedMachines
            {
                Layout = Enum.Parse<Layout>(parsed.GetRequiredValue(layout), ignoreCase: true),
                Processors = parsed.GetValue(processors),
                OneMachine = parsed.GetValue(oneMachine),
                OtherMs = parsed.GetValue(other),
                Memory = parsed.GetValue(memory) * 1e9,
                Threads = parsed.GetValue(threads),
                DeviceMs = parsed.GetValue(device),
                Devices = parsed.GetValue(devices),
                Busy = parsed.GetValue(busy),
                Network = parsed.GetValue(network) * 1e9,
                Hop = parsed.GetValue(hop) / 1000,
                Admitted = parsed.GetValue(admitted),
                Gateways = parsed.GetValue(gateways),
                Extractors = parsed.GetValue(extractors),
                Galleries = parsed.GetValue(galleries),
            };
            Refuse(load, machines);
            var plan = Planner.Make(UnitFigures.Read(parsed.GetValue(figures)), load, machines, parsed.GetValue(images),
                parsed.GetValue(seed), parsed.GetValue(connections));
            if (parsed.GetValue(page) is { } file) PlanPage.Write(file, plan);
            if (parsed.GetValue(json)) CliJson.WriteLine(plan, CliJson.Default.Plan);
            else PlanText.Print(plan, parsed.GetValue(page));
        });
        return command;
    }

    /// <exception cref="SpadeException">InvalidArgument: silos of a role that the layout does not have, or too many shards.</exception>
    private static void Refuse(PlannedLoad load, PlannedMachines m)
    {
        if ((long)load.Categories * load.Shards > MostShards)
            throw new SpadeException(SpadeError.InvalidArgument,
                $"{load.Categories} categories of {load.Shards} shards are more than the {MostShards} that a plan can have");
        if (m.Extractors is not null && m.Layout != Layout.Separate)
            throw new SpadeException(SpadeError.InvalidArgument,
                "--extractors is for --layout separate; in the other layouts gateways have the extractors: leave it out");
        if (m.Galleries is not null && m.Layout == Layout.Serve)
            throw new SpadeException(SpadeError.InvalidArgument,
                "--galleries is for clusters; with --layout serve each server has all galleries: leave it out");
        if (m.OtherMs > 0 && !m.OneMachine)
            throw new SpadeException(SpadeError.InvalidArgument,
                "--other-ms is the work of other programs on the silos' machine: give --one-machine too, or leave it out");
    }

    private static Option<T> Number<T>(string name, string text, T usual, T low, T high) where T : IComparable<T>
        => CommonOptions.Bounded(new Option<T>(name) { Description = text, DefaultValueFactory = _ => usual }, low, high);

    private static Option<int?> Silos(string name)
    {
        var option = new Option<int?>(name)
        {
            Description = "Number of these silos, instead of as many as the load needs.",
            HelpName = "N"
        };
        option.Validators.Add(r =>
        {
            if (r.Tokens.Count > 0 && r.GetValueOrDefault<int?>() is < 1 or > 100_000) r.AddError($"{name} takes 1 to 100000");
        });
        return option;
    }
}
