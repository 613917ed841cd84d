using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using SpadeCluster.Cli.Output;
using SpadeCluster.Neighbors;

namespace SpadeCluster.Cli.Bench;

/// <summary>What a benchmark measured, as a file that 'bench page' reads: one of the results is set.</summary>
/// <param name="Command">The command line, without the options of its output.</param>
/// <param name="Machine">Processor and number of processors.</param>
/// <param name="Load">Programs that ran or waited to run in the minute before (Linux's load average): about 0 on an idle machine.</param>
internal sealed record BenchRecord(string Command, DateOnly Date, string Machine, double? Load)
{
    private static readonly double? LoadAtStart = File.Exists("/proc/loadavg")
        ? double.Parse(File.ReadAllText("/proc/loadavg").Split(' ')[0], CultureInfo.InvariantCulture) : null;

    private const int Tokens = 24;

    /// <summary>The option of the commands that measure.</summary>
    public static Option<string?> Save { get; } = new("--save")
    {
        Description = "Also write the result to this file, for 'spade bench page'.",
        HelpName = "FILE.json",
    };

    public ServeResult? Serve { get; init; }

    public LargeResult? Large { get; init; }

    public ExtractResult? Extract { get; init; }

    public PixelSearchResult? PixelSearch { get; init; }

    public ImageSearchBenchmarkResult? ImageSearch { get; init; }

    public ImageIndexesResult? ImageIndexes { get; init; }

    /// <summary>Prints a result as text or JSON, and saves it where <see cref="Save"/> says so.</summary>
    public static void Write<T>(ParseResult parsed, Option<bool> json, T result, JsonTypeInfo<T> type, Action<T> print)
    {
        if (parsed.GetValue(json)) CliJson.WriteLine(result, type);
        else print(result);
        // Last: a file that cannot be written does not lose what took minutes to measure.
        if (parsed.GetValue(Save) is { } file)
            File.WriteAllText(file, JsonSerializer.Serialize(Of(parsed, result), CliJson.Indented.BenchRecord) + "\n");
    }

    private static BenchRecord Of<T>(ParseResult parsed, T result)
    {
        List<string> words = [.. parsed.Tokens.Select(t => t.Value.Contains(' ', StringComparison.Ordinal) ? $"\"{t.Value}\"" : t.Value)];
        if (words.IndexOf(Save.Name) is >= 0 and var at) words.RemoveRange(at, 2);
        words.Remove("--json");
        // The shell may have made hundreds of file names of a pattern.
        if (words.Count > Tokens) words = [.. words[..Tokens], "..."];
        return new($"spade {string.Join(' ', words)}", DateOnly.FromDateTime(DateTime.UtcNow), Bench.Machine.Describe(), LoadAtStart)
        {
            Serve = result as ServeResult,
            Large = result as LargeResult,
            Extract = result as ExtractResult,
            PixelSearch = result as PixelSearchResult,
            ImageSearch = result as ImageSearchBenchmarkResult,
        };
    }
}

/// <summary>What tests/SpadeCluster.Benchmarks/Neighbors/tree_and_graph.py measured.</summary>
/// <param name="Data">How the rows were drawn.</param>
internal sealed record ImageIndexesResult(int Rows, int Length, string Data, int Neighbours, IReadOnlyList<ImageIndexFigures> Indexes);

/// <param name="BuildSeconds">Processor time; null for the exact search, whose rows are only copied.</param>
/// <param name="Recall">Share of the true neighbours found.</param>
/// <param name="GigabytesPerSecond">Of the rows that the exact search read, beside a copy's.</param>
internal sealed record ImageIndexFigures(string Index, double? BuildSeconds, double Megabytes, double MedianMs, double MinMs,
    double Recall, double? GigabytesPerSecond = null, double? CopyGigabytesPerSecond = null, double? ShareOfRowsCompared = null);
