using System.CommandLine;
using System.Globalization;
using SpadeCluster.Cli.Bench;
using SpadeCluster.Cli.Composition;
using SpadeCluster.Cli.Output;
using SpadeCluster.Evaluation;
using SpadeCluster.Inference;
using SpadeCluster.Inference.Import;
using SpadeCluster.Inference.OnnxRuntime;
using SpadeCluster.Neighbors;
using Spectre.Console;

namespace SpadeCluster.Cli.Commands;

/// <summary>spade bench extract|pixel-search|image-search|thresholds|serve|large|calibrate|page</summary>
internal static class BenchCommands
{
    public static Command Create() => new("bench", "Measure this machine: medians, and ratios to a peer timed in the same run.")
    {
        Extract(), PixelSearch(), ImageSearch(), Thresholds(), BenchServeCommand.Create(), BenchLargeCommand.Create(),
        BenchCalibrateCommand.Create(), BenchPageCommand.Create(),
    };

    private static Option<string?> Peer()
        => new("--peer")
        {
            Description =
        "A command that does the same work, timed alternately with ours. A last line of JSON with a \"seconds\" array has its own " +
        "timings; otherwise the whole process is timed.",
            HelpName = "COMMAND"
        };

    private static Option<int> Runs(int value)
        => CommonOptions.Bounded(new Option<int>("--runs") { Description = "Measured runs per round.", DefaultValueFactory = _ => value },
        1, 10_000);

    private static Command Extract()
    {
        var model = new Option<string?>("--model")
        {
            Description =
            "Built-in model, or model folder. Without: Wide-ResNet50-2 with seeded random weights.",
            HelpName = "DIR"
        };
        var threads = new Option<string>("--threads") { Description = "Thread counts to measure.", DefaultValueFactory = _ => "1,2" };
        var batches = new Option<string>("--batch")
        {
            Description = "Images per call to measure. A CUDA device computes them together, the CPU side by side.",
            HelpName = "COUNTS",
            DefaultValueFactory = _ => "1",
        };
        var (device, runs, peer, json) = (CommonOptions.Device(), Runs(10), Peer(), CommonOptions.Json());
        var command = new Command("extract",
            "Time feature extraction.\n\nExample: spade bench extract --threads 1,2 --peer \"python3 " +
            "tests/SpadeCluster.Benchmarks/Inference/torch_extract.py --threads 2\"" +
            "\nExample: spade bench extract --model resnet18 --device cuda:0 --threads 1 --batch 1,8,32")
        { model, threads, batches, device, runs, peer, json, BenchRecord.Save };
        command.SetAction(async (parsed, cancellation) =>
        {
            var subject = parsed.GetValue(model) switch
            {
                null => SyntheticResNet.WideResNet50(),
                var named
                => ModelSource.Of(named).Open()
            };
            var result = await ExtractBenchmark.RunAsync(subject, OnnxRuntimeDevice.Parse(parsed.GetRequiredValue(device)),
                Counts(parsed, threads), Counts(parsed, batches), parsed.GetValue(runs),
                parsed.GetValue(peer) is { } c ? new PeerCommand(c) : null, cancellation);
            BenchRecord.Write(parsed, json, result, CliJson.Default.ExtractResult, PrintExtract);
            return 0;
        });
        return command;
    }

    private static Command PixelSearch()
    {
        var dataset = new Option<string?>("--dataset")
        {
            Description =
            "Dataset in MVTec's layout; its normals and test images are used. Without: random features of ResNet-50's shape, where " +
            "pruning has no effect.",
            HelpName = "DIR"
        };
        var galleryK = CommonOptions.Bounded(new Option<int>("--gallery-k")
        {
            Description =
            "Gallery images; after the dataset's normals their mirror images.",
            DefaultValueFactory = _ => 50
        }, 1, 10_000);
        var kappa = CommonOptions.Bounded(new Option<int>("--kappa")
        {
            Description = "Nearest pixels kept.",
            DefaultValueFactory = _
            => 1
        }, 1, 64);
        var fusion = new Option<string>("--fusion")
        {
            Description = "concatenated, or per-level: each level searched alone.",
            DefaultValueFactory = _ => "concatenated"
        };
        fusion.AcceptOnlyFromAmong("concatenated", "per-level");
        var window = CommonOptions.Bounded(new Option<int>("--window")
        {
            Description = "Match pixels only within this many cells of the finest level of their own position; 0: anywhere.",
            HelpName = "RADIUS"
        }, 0, 10_000);
        var dense = CommonOptions.Bounded(new Option<int>("--dense")
        {
            Description =
            "Number of dense searches to time as the baseline; 0: none.",
            DefaultValueFactory = _ => 2
        }, 0, 1000);
        var device = new Option<string?>("--device")
        {
            Description = "Also time the search as matrix products, which round, on this device: cpu or cuda:N.",
            HelpName = "DEVICE",
        };
        var (model, threads, runs, peer, json) = (CommonOptions.Model(), CommonOptions.Threads(), Runs(5), Peer(), CommonOptions.Json());
        var command = new Command("pixel-search",
            "Time the exact pixel search of one image.\n\nExample: spade bench pixel-search --dataset datasets/bottle --model " +
            "models/resnet50 --gallery-k 50 --threads 2") { dataset, model, galleryK, kappa, fusion, window, threads, runs, dense, peer,
            device, json, BenchRecord.Save };
        command.SetAction(async (parsed, cancellation) =>
        {
            using var engines = new Engines(parsed.GetValue(model), new ExtractorSettings(Threads: parsed.GetValue(threads)));
            var options = new PixelSearchOptions(parsed.GetValue(fusion) == "per-level" ? Fusion.PerLevel : Fusion.Concatenated,
                Kappa: parsed.GetValue(kappa), Threads: parsed.GetValue(threads),
                Window: parsed.GetValue(window) is > 0 and var radius ? radius : null);
            var r = await PixelSearchBench.RunAsync(parsed.GetValue(dataset), engines, parsed.GetValue(galleryK), options,
                parsed.GetValue(runs), parsed.GetValue(dense), parsed.GetValue(peer) is { } c ? new PeerCommand(c) : null,
                parsed.GetValue(device) is { } d ? OnnxRuntimeDevice.Parse(d) : null, cancellation);
            BenchRecord.Write(parsed, json, r, CliJson.Default.PixelSearchResult, PrintPixelSearch);
            return 0;
        });
        return command;
    }

    private static void PrintPixelSearch(PixelSearchResult r)
    {
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{r.Features}, K {r.GalleryK}, {r.Threads} thread(s); {r.Processor}"));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"median {r.MedianMs:0.0} ms a query (min {r.MinMs:0.0}, {r.Queries} queries); {r.Gflop:0.0} GFLOP, " +
            $"{r.BytesTouched / 1e6:0} MB read, {r.ResidentBytesPerImage / 1e6:0.000} MB resident an image"));
        Console.WriteLine($"share of pairs compared in full, finest level first: {Shares(r.ShareOfPairsPerLevel)}; in sketches or " +
            $"projections: {Shares(r.SketchedShareOfPairsPerLevel)}");
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"cancelled dense searches ended within {r.CancelledWithinMs:0.0} ms"));
        if (r.DenseRatio is { } ratio) Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"dense search: {r.DenseMedianMs:0} ms, {ratio:0.0} times as long"));
        if (r.PeerRatio is { } times) Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"peer: {r.PeerMedianMs:0} ms, {times:0.0} times as long"));
        if (r.DeviceRatio is { } share) Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"matrix products on {r.Device}: {r.DeviceMedianMs:0.0} ms, {share:0.00} times as long; " +
            $"{r.DeviceAgreement:P2} of the pixels are the same"));
    }

    private static string Shares(IEnumerable<double> shares)
        => string.Join(", ", shares.Select(s => s.ToString("P3", CultureInfo.InvariantCulture)));

    private static Command ImageSearch()
    {
        var rows = CommonOptions.Bounded(new Option<int>("--rows") { Description = "Gallery images.", DefaultValueFactory = _ => 200_000 },
            1, 10_000_000);
        var length = CommonOptions.Bounded(new Option<int>("--length")
        {
            Description = "Values of a pooled feature.",
            DefaultValueFactory =
            _ => 2048
        }, 1, 65_536);
        var queries = CommonOptions.Bounded(new Option<int>("--queries")
        {
            Description = "Queries answered by one pass over the rows.",
            DefaultValueFactory = _ => 1
        }, 1, 1000);
        var neighbours = CommonOptions.Bounded(new Option<int>("--neighbours")
        {
            Description = "Nearest images kept.",
            DefaultValueFactory = _ => 50
        }, 1, 1000);
        var (threads, runs, peer, json) = (CommonOptions.Threads(), Runs(10), Peer(), CommonOptions.Json());
        var command = new Command("image-search",
            "Time the exact image search against this machine's memory bandwidth.\n\nExample: spade bench image-search --rows 200000 " +
            "--length 2048") { rows, length, queries, neighbours, threads, runs, peer, json, BenchRecord.Save };
        command.SetAction((parsed, cancellation) =>
        {
            var r = ImageSearchBenchmark.Run(parsed.GetValue(rows), parsed.GetValue(length), parsed.GetValue(queries),
                parsed.GetValue(neighbours), parsed.GetValue(threads), parsed.GetValue(runs),
                parsed.GetValue(peer) is { } c ? ()
                    => Timing.Of("", 0, new PeerCommand(c).RunAsync(cancellation).GetAwaiter().GetResult()).MedianMs : null, cancellation);
            BenchRecord.Write(parsed, json, r, CliJson.Default.ImageSearchBenchmarkResult, PrintImageSearch);
            return Task.FromResult(0);
        });
        return command;
    }

    private static void PrintImageSearch(ImageSearchBenchmarkResult r)
    {
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{r.Rows} x {r.Length}, {r.Queries} queries, {r.Threads} thread(s); {Machine.Describe()}\nmedian {r.MedianMs:0.0} ms " +
            $"(min {r.MinMs:0.0}): rows read at {r.ReadGigabytesPerSecond:0.0} GB/s, {r.BandwidthShare:P0} of a copy's " +
            $"{r.CopyGigabytesPerSecond:0.0} GB/s"));
        if (r.PeerRatio is { } times) Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"peer: {r.PeerMedianMs:0.0} ms, {times:0.00} times as long"));
    }

    private static Command Thresholds()
    {
        var draws = CommonOptions.Bounded(new Option<int>("--draws")
        {
            Description = "Galleries drawn per row.",
            DefaultValueFactory = _ =>
            400
        }, 1, 100_000);
        var alpha = CommonOptions.Bounded(new Option<double>("--alpha")
        {
            Description = "The target false-reject rate.",
            DefaultValueFactory = _ => Scoring.ScoringOptions.Default.Alpha
        }, 0.0001, 0.5);
        var seed = new Option<int>("--seed") { Description = "The same seed gives the same table.", DefaultValueFactory = _ => 1 };
        var json = CommonOptions.Json();
        var command = new Command("thresholds",
            "Compare the threshold rules on simulated scores.\n\nExample: spade bench thresholds --draws 400") { draws, alpha, seed, json };
        command.SetAction(parsed =>
        {
            var rows = ThresholdSimulation.Run(parsed.GetValue(draws), parsed.GetValue(alpha), parsed.GetValue(seed));
            if (parsed.GetValue(json))
            {
                CliJson.WriteLine(rows, CliJson.Default.IReadOnlyListThresholdSimulationRow);
                return 0;
            }
            // Markdown, for docs/thresholds.md.
            Console.WriteLine("| tails | contaminated | normals | rule | misses | false rejects | mean |\n|---|---|---|---|---|---|---|");
            foreach (var r in rows)
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"| {r.Tails} | {r.Contaminated:P0} | {r.Normals} | {r.Rule.ToString().ToLowerInvariant()} | {r.Misses:0.000} | "
                    + $"{r.FalseRejects:0.000} | {r.MeanError:0.000} |"));
            foreach (var rule in rows.GroupBy(r => r.Rule))
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"| all | all | all | {rule.Key.ToString().ToLowerInvariant()} | {rule.Average(r => r.Misses):0.000} | "
                    + $"{rule.Average(r => r.FalseRejects):0.000} | {rule.Average(r => r.MeanError):0.000} |"));
            return 0;
        });
        return command;
    }

    private static void PrintExtract(ExtractResult r)
    {
        Console.WriteLine($"{r.Model} on {r.Device}; {r.Processor}");
        var table = new Table().Border(TableBorder.Rounded).AddColumns("", "threads", "images", "median ms", "min", "max",
            "images/s", "runs");
        foreach (var t in r.Timings)
            table.AddRow([.. new[] { t.Name, Number(t.Threads), Number(t.Images), Number(t.MedianMs), Number(t.MinMs), Number(t.MaxMs),
                Number(t.ImagesPerSecond), Number(t.Runs) }.Select(Markup.Escape)]);
        AnsiConsole.Write(table);
        if (r.PeerRatio is { } ratio) Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"the peer takes {ratio:0.00} times as long"));

        static string Number(double value) => value.ToString("0.##", CultureInfo.InvariantCulture);
    }

    private static int[] Counts(ParseResult parsed, Option<string> option)
    {
        string text = parsed.GetRequiredValue(option);
        int[] counts = [.. text.Split(',').Select(p
            => int.TryParse(p, NumberStyles.None, CultureInfo.InvariantCulture, out int n) ? n : 0)];
        return counts.All(n => n is >= 1 and <= 1024) ? counts
            : throw new SpadeException(SpadeError.InvalidArgument, $"{option.Name} takes counts such as 1,2, not '{text}'");
    }
}
