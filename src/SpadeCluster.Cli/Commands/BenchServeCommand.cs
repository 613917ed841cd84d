using System.CommandLine;
using System.Globalization;
using SpadeCluster.Cli.Bench;
using SpadeCluster.Cli.Composition;
using SpadeCluster.Cli.Output;
using SpadeCluster.Client;
using SpadeCluster.Galleries;
using SpadeCluster.Imaging;
using SpadeCluster.Inference;
using SpadeCluster.Inference.OnnxRuntime;
using SpadeCluster.Server.Admission;

namespace SpadeCluster.Cli.Commands;

/// <summary>spade bench serve</summary>
internal static class BenchServeCommand
{
    public static Command Create()
    {
        var paths = new Argument<string[]>("IMAGE") { Description = "Image files, or folders of them.", Arity = ArgumentArity.OneOrMore };
        var category = new Option<string>("--category") { Description = "Product category.", HelpName = "NAME", Required = true };
        var threads = CommonOptions.Bounded(new Option<int>("--threads")
        {
            Description = "'--threads' of the started server.",
            DefaultValueFactory = _ => ServeCommand.DefaultThreads,
        }, 0, 1024);
        var slots = CommonOptions.Bounded(new Option<int>("--slots")
        {
            Description = "'--slots' of the started server.",
            DefaultValueFactory = _ => new AdmissionOptions().Slots,
        }, 1, 1024);
        var connections = CommonOptions.Bounded(new Option<int>("--connections")
        {
            Description = "Images sent at once.",
            DefaultValueFactory = _ => 2 * Environment.ProcessorCount,
        }, 1, 1024);
        var seconds = CommonOptions.Bounded(new Option<double>("--seconds")
        {
            Description = "Duration of each part of a round.",
            DefaultValueFactory = _ => 4,
        }, 0.1, 3600);
        var rounds = CommonOptions.Bounded(new Option<int>("--rounds") { Description = "Rounds.", DefaultValueFactory = _ => 5 }, 1, 1000);
        var silos = CommonOptions.Bounded(new Option<int>("--silos")
        {
            Description = "Also measure a cluster of this many silos on this machine, in the same turns: one with all roles, or a gateway "
                + "with extractors and gallery silos. 0: none.",
            DefaultValueFactory = _ => 0,
        }, 0, 16);
        var (gallery, model, device, json) = (CommonOptions.Gallery(), CommonOptions.Model(), CommonOptions.Device(), CommonOptions.Json());
        var command = new Command("serve",
            "Measure a server's images per second and latencies, beside the network's forward pass alone, as ratios.\n\n"
            + "Example: spade bench serve --category bottle line3/*.png")
        {
            paths, category, gallery, model, device, threads, slots, connections, seconds, rounds, silos, json, BenchRecord.Save,
        };
        var server = new RemoteOptions(command, gallery, device, threads, slots, silos);
        command.SetAction(async (parsed, cancellation) =>
        {
            var images = Files.Expand(parsed.GetRequiredValue(paths))
                .Select(f => new ImageSource(Path.GetFileName(f), ImageReader.ReadBytes(f, ImageLimits.Default))).ToList();
            var source = ModelSource.Of(parsed.GetValue(model));
            string name = parsed.GetRequiredValue(category);
            using var remote = server.Connect(parsed);
            await using var served = remote is null ? await StartAsync() : null;
            using var client = served is null ? null : new SpadeClient(served.Address);
            int beside = parsed.GetValue(silos);
            await using var cluster = beside == 0 ? null : await ServedSilos.StartAsync(beside,
                Path.GetFullPath(parsed.GetRequiredValue(gallery)), parsed.GetValue(model), parsed.GetRequiredValue(device),
                parsed.GetValue(threads), cancellation);
            using var clusterClient = cluster is null ? null : new SpadeClient(cluster.Address);
            using var benchmark = new ServeBenchmark(remote ?? client!, clusterClient is null ? null : (clusterClient, beside), name,
                images, source.Open(), OnnxRuntimeDevice.Parse(parsed.GetRequiredValue(device)));
            var result = await benchmark.RunAsync(served is null ? "the server" : "spade serve", parsed.GetValue(connections),
                TimeSpan.FromSeconds(parsed.GetValue(seconds)), parsed.GetValue(rounds),
                text => Console.Error.WriteLine($"spade: {text}"), cancellation);
            BenchRecord.Write(parsed, json, result, CliJson.Default.ServeResult, Print);
            return 0;

            async Task<ServedGallery> StartAsync()
            {
                string folder = parsed.GetRequiredValue(gallery);
                await CheckModelAsync(folder, name, source, cancellation);
                string[] named = parsed.GetValue(model) is { } m ? ["--model", m] : [];
                return await ServedGallery.StartAsync(["--gallery", folder, "--device", parsed.GetRequiredValue(device),
                    "--threads", Text(parsed.GetValue(threads)), "--slots", Text(parsed.GetValue(slots)), .. named], cancellation);
            }
        });
        return command;
    }

    /// <summary>The forward pass has to be that of the gallery's own network.</summary>
    private static async Task CheckModelAsync(string folder, string category, ModelSource source, CancellationToken cancellation)
    {
        using var engines = new Engines(source.Location ?? source.Manifest.Name);
        var manifest = await engines.Galleries(GalleryLocation.Open(folder), Environment.UserName).GetAsync(category, cancellation);
        if (manifest.Model.Digest != source.Digest)
            throw new SpadeException(SpadeError.InvalidArgument,
                $"category '{category}' was built with model '{manifest.Model.Name}', not with '{source.Manifest.Name}': name its model "
                + "with --model");
    }

    private static string Text(int value) => value.ToString(CultureInfo.InvariantCulture);

    private static void Print(ServeResult r)
    {
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"""
        {r.Server}, category {r.Category}, model {r.Model}; {r.Processor}; medians of {r.Rounds} rounds, with their range
        images per second   network alone {r.ForwardPerSecond}, served {r.ServedPerSecond} with {r.Connections} at once
                            served / alone {r.ThroughputRatio:0.00}
        one image           network alone {r.ForwardMs} ms, served {Text(r.OneAtATimeMs)}
                            served / alone {r.LatencyRatio:0.00}
        under load          {Text(r.UnderLoadMs)}
        """));
        if (r.Cluster is { } c)
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"""
        cluster, {c.Silos} silo(s)  {c.PerSecond} images per second; {c.OfServer:0.00} of the server's
        one image           {Text(c.OneAtATimeMs)}; {c.LatencyOfServer:0.00} times the server's
        under load          {Text(c.UnderLoadMs)}
        """));
    }

    private static string Text(Percentiles p)
        => string.Create(CultureInfo.InvariantCulture, $"{p.P50:0.0} ms (90 % {p.P90:0.0}, 99 % {p.P99:0.0}, longest {p.Max:0.0})");
}
