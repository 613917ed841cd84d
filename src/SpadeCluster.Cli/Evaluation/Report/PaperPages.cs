using System.Globalization;
using System.Net;
using System.Text;
using SpadeCluster.Cli.Evaluation.Paper;
using Spectre.Console;

namespace SpadeCluster.Cli.Evaluation.Report;

/// <summary>The paper's tables as a page and for a terminal, and results as a page of Markdown.</summary>
internal static class PaperPages
{
    private const string Differences = "In brackets: the difference from the paper's figure or, where it has none, from the other "
        + "implementation's; bold or coloured above 0.01. Image ROC AUC is by the gate's distance, as in the paper, and with the default "
        + "settings by the map's score. An empty cell is not known or not measured. Published figures are those of Wide-ResNet50-2.";

    private static readonly string[] Columns =
        ["data", "normals", "test images", "model", "settings", "image ROC AUC, gate", "image ROC AUC, map", "pixel ROC AUC", "PRO@0.3",
            "date", "version", "machine"];

    public static void WriteHtml(string path, PaperReport report)
    {
        var page = new StringBuilder("<!doctype html><html lang='en'><meta charset='utf-8'>")
            .Append("<meta name='viewport' content='width=device-width,initial-scale=1'><title>SpadeCluster - the paper's tables</title>")
            .Append($"<style>{Style.Css}</style><body><main><h1>The paper's tables</h1><p class='settings'>{Differences}</p>");
        foreach (var source in report.Sources)
            page.Append($"<p class='settings'>{WebUtility.HtmlEncode($"{source.Column}: {source.Source}")}</p>");
        foreach (var table in report.Tables)
        {
            page.Append($"<section><h2>{WebUtility.HtmlEncode(table.Title)}</h2><table class='recipes'><tr><th>");
            foreach (string column in table.Columns) page.Append($"<th>{WebUtility.HtmlEncode(column)}");
            foreach (var row in table.Rows)
            {
                page.Append($"<tr><td>{WebUtility.HtmlEncode(row.Name)}");
                foreach (var figure in row.Figures)
                    page.Append(figure?.Difference switch
                    {
                        < -PaperFigure.Marked => "<td class='problem'>",
                        > PaperFigure.Marked => "<td style='font-weight:bold'>",
                        _ => "<td>",
                    }).Append(Text(figure));
            }
            page.Append("</table></section>");
        }
        page.Append("<section><h2>All results</h2><table class='recipes'><tr>");
        foreach (string column in Columns) page.Append($"<th>{column}");
        foreach (var result in report.Results)
        {
            page.Append("<tr>");
            foreach (string cell in Cells(result)) page.Append($"<td>{WebUtility.HtmlEncode(cell)}");
        }
        page.Append("</table>");
        foreach (string problem in report.Results.SelectMany(r => r.Problems).Distinct())
            page.Append($"<p class='problem'>{WebUtility.HtmlEncode(problem)}</p>");
        HtmlReport.Save(path, page.Append("</section></main></body></html>"));
    }

    public static void Print(PaperReport report)
    {
        foreach (var table in report.Tables)
        {
            var text = new Table().Border(TableBorder.Rounded).Title(Markup.Escape(table.Title)).AddColumn("");
            foreach (string column in table.Columns) text.AddColumn(new TableColumn(Markup.Escape(column)).RightAligned());
            foreach (var row in table.Rows)
                text.AddRow([Markup.Escape(row.Name), .. row.Figures.Select(f => Math.Abs(f?.Difference ?? 0) > PaperFigure.Marked
                    ? $"[bold]{Text(f)}[/]" : Text(f))]);
            AnsiConsole.Write(text);
        }
        Console.WriteLine(Differences);
        foreach (var source in report.Sources) Console.WriteLine($"{source.Column}: {source.Source}");
        foreach (string problem in report.Results.SelectMany(r => r.Problems).Distinct()) Console.Error.WriteLine($"spade: {problem}");
    }

    /// <summary>The page of all results, the best of each category first.</summary>
    /// <param name="folder">The folder of the results, for the text.</param>
    public static string Markdown(IReadOnlyList<PaperResult> results, string folder)
    {
        var page = new StringBuilder("# Results\n\n")
            .Append($"Written by `spade reproduce --results docs/{folder}.md` from the files in [{folder}]({folder}); not edited by hand. ")
            .Append("Settings: `paper` is the paper's protocol (shorter side 256, centre crop 224, K 50 or all normals), `kN` the same\n")
            .Append("with K = N, `levels-N` with some levels of the pyramid (1 the finest), `default` the program's defaults. Each\n")
            .Append("category's results are in the order of their PRO.\n\n")
            .Append($"| {string.Join(" | ", Columns)} |\n|{string.Concat(Columns.Select(_ => "---|"))}\n");
        foreach (var result in results.OrderBy(r => r.Set, StringComparer.Ordinal).ThenBy(r => r.Category, StringComparer.Ordinal)
            .ThenByDescending(r => r.Pro30 ?? r.PixelAuroc ?? 0).ThenBy(r => r.Model, StringComparer.Ordinal)
            .ThenBy(r => r.Setting, StringComparer.Ordinal))
            page.Append($"| {string.Join(" | ", Cells(result).Select(c => c.Replace("|", "\\|", StringComparison.Ordinal)))} |\n");
        return page.ToString();
    }

    private static string[] Cells(PaperResult r)
    {
        static string Number(double? value) => value?.ToString("0.000", CultureInfo.InvariantCulture) ?? "";
        static string Count(int value) => value.ToString(CultureInfo.InvariantCulture);
        return [r.Category == r.Set ? r.Set : $"{r.Set}/{r.Category}", Count(r.Train), Count(r.Test), r.Model,
            $"{r.Setting}: {r.Preprocessing}; levels {string.Join(", ", r.Levels)}; gate K {r.GateK}, gallery K {r.GalleryK}"
                + (r.Every is > 1 ? $"; every {r.Every} training frames" : ""),
            Number(r.ImageAurocGate), Number(r.ImageAuroc), Number(r.PixelAuroc), Number(r.Pro30), r.Date, $"{r.Version}, {r.Runtime}",
            r.Machine];
    }

    private static string Text(PaperFigure? figure) => figure is null ? "" : string.Create(CultureInfo.InvariantCulture,
        $"{figure.Value:0.000}{(figure.Difference is { } d ? $" ({d:+0.000;-0.000;0.000})" : "")}");
}
