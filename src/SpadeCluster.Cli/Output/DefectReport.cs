using System.Globalization;
using SpadeCluster.Evaluation;
using SpadeCluster.Galleries;
using Spectre.Console;

namespace SpadeCluster.Cli.Output;

/// <summary>The output of 'gallery calibrate --defects': the present threshold, the proposed one and others.</summary>
/// <param name="Theta">The present threshold.</param>
/// <param name="Proposed">The threshold of least expected cost; not set.</param>
/// <param name="Thresholds">All that separate these scores differently, ascending.</param>
internal sealed record DefectReport(GalleryDetails Gallery, int Defects, IReadOnlyList<string> Problems, ThresholdCost Theta,
    ThresholdCost Proposed, IReadOnlyList<ThresholdCost> Thresholds)
{
    private const int Shown = 12;

    public void Print(string category)
    {
        var table = new Table().Border(TableBorder.Rounded)
            .AddColumns("threshold", "misses", "95 %", "false rejects", "95 %", "expected cost", "");
        int stride = Math.Max(1, (Thresholds.Count + Shown - 1) / Shown);
        var rows = Thresholds.Where((_, i) => i % stride == 0).Append(Theta).Append(Proposed).DistinctBy(t => t.Threshold)
            .OrderBy(t => t.Threshold);
        foreach (var t in rows)
        {
            string note = t.Threshold == Proposed.Threshold ? "least cost" : t.Threshold == Theta.Threshold ? "theta" : "";
            table.AddRow([.. new[] { Text($"{t.Threshold:G5}"), Text($"{t.Misses.Rate:P0}"),
                Text($"{t.Misses.Low:P0} to {t.Misses.High:P0}"), Text($"{t.FalseRejects.Rate:P0}"),
                Text($"{t.FalseRejects.Low:P0} to {t.FalseRejects.High:P0}"), Text($"{t.Cost:0.###}"), note }.Select(Markup.Escape)]);
        }
        AnsiConsole.Write(table);
        string proposed = Text($"{Defects} known defects; least expected cost at {Proposed.Threshold:G5}");
        string command = Text($"spade gallery calibrate {category} --theta {Proposed.Threshold:R}");
        Console.WriteLine(Text($"{proposed}. Theta stays {Theta.Threshold:G5} until '{command}'"));
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
