using System.CommandLine;
using System.Globalization;
using SpadeCluster.Cli.Bench;
using SpadeCluster.Cli.Output;
using SpadeCluster.Inference;
using SpadeCluster.Inference.Default;
using SpadeCluster.Inference.Import;
using Spectre.Console;

namespace SpadeCluster.Cli.Commands;

/// <summary>spade bench extract|pixel-search|image-search</summary>
internal static class BenchCommands
{
    public static Command Create() => new("bench", "Measure this machine: medians, and ratios to a peer timed in the same run.") { Extract() };

    private static Option<string?> Peer() => new("--peer") { Description = "A command that does the same work, timed in turns with ours. A last line of JSON with a \"seconds\" array gives its own timings; otherwise the whole process is timed.", HelpName = "COMMAND" };

    private static Option<int> Runs(int value) => CommonOptions.Bounded(new Option<int>("--runs") { Description = "Measured runs per round.", DefaultValueFactory = _ => value }, 1, 10_000);

    private static Command Extract()
    {
        var model = new Option<string?>("--model") { Description = "Model folder, or 'default'. Without: Wide-ResNet50-2 with seeded random weights.", HelpName = "DIR" };
        var threads = new Option<string>("--threads") { Description = "Thread counts to measure.", DefaultValueFactory = _ => "1,2" };
        var (runs, peer, json) = (Runs(10), Peer(), CommonOptions.Json());
        var command = new Command("extract", "Time feature extraction of one image.\n\nExample: spade bench extract --threads 1,2 --peer \"python3 tests/SpadeCluster.Benchmarks/Inference/torch_extract.py --threads 2\"") { model, threads, runs, peer, json };
        command.SetAction(async (parsed, cancellation) =>
        {
            var subject = parsed.GetValue(model) switch { null => SyntheticResNet.WideResNet50(), "default" => DefaultModel.Open(), var folder => ModelFolder.Open(folder) };
            var result = await ExtractBenchmark.RunAsync(subject, Counts(parsed.GetRequiredValue(threads)), parsed.GetValue(runs), parsed.GetValue(peer) is { } c ? new PeerCommand(c) : null, cancellation);
            if (parsed.GetValue(json))
            {
                CliJson.WriteLine(result, CliJson.Default.ExtractResult);
                return 0;
            }
            Console.WriteLine($"{result.Model}, one image; {result.Processor}");
            Print(result.Timings);
            if (result.PeerOverManaged is { } ratio) Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"the peer takes {ratio:0.00} times as long"));
            return 0;
        });
        return command;
    }

    private static void Print(IReadOnlyList<Timing> timings)
    {
        var table = new Table().Border(TableBorder.Rounded).AddColumns("", "threads", "median ms", "min", "max", "runs");
        foreach (var t in timings)
            table.AddRow([.. new[] { t.Name, Number(t.Threads), Number(t.MedianMs), Number(t.MinMs), Number(t.MaxMs), Number(t.Runs) }.Select(Markup.Escape)]);
        AnsiConsole.Write(table);

        static string Number(double value) => value.ToString("0.##", CultureInfo.InvariantCulture);
    }

    private static int[] Counts(string text)
    {
        int[] counts = [.. text.Split(',').Select(p => int.TryParse(p, NumberStyles.None, CultureInfo.InvariantCulture, out int n) ? n : 0)];
        return counts.All(n => n is >= 1 and <= 1024) ? counts : throw new SpadeException(SpadeError.InvalidArgument, $"--threads takes counts such as 1,2, not '{text}'");
    }
}
