using System.Globalization;
using System.Net;
using System.Text;
using Spectre.Console;

namespace SpadeCluster.Cli.Evaluation.Report;

/// <summary>Figures by the number of normals, as a page and as tables for a terminal.</summary>
internal static class ShotReport
{
    private static readonly (string Name, Func<ShotPoint, ShotSpread?> Figure)[] Columns =
    [
        ("image AUROC", p => p.ImageAuroc), ("image AUPR", p => p.ImageAupr), ("pixel AUROC", p => p.PixelAuroc),
        ("PRO up to 0.3", p => p.Pro30), ("AUPIMO", p => p.Aupimo),
    ];

    public static void Write(string path, IReadOnlyList<ShotCurve> curves)
    {
        var page = new StringBuilder("<!doctype html><html lang='en'><meta charset='utf-8'>")
            .Append("<meta name='viewport' content='width=device-width,initial-scale=1'><title>SpadeCluster - few normals</title>")
            .Append($"<style>{Style.Css}</style><body><main><h1>Figures by the number of normals</h1>");
        foreach (var curve in curves)
        {
            page.Append($"<section><h2>{WebUtility.HtmlEncode(curve.Dataset)}, {curve.Recipe}</h2>")
                .Append($"<p class='settings'>{Settings(curve)}</p><div class='charts'>");
            foreach (var (name, figure) in Columns)
            {
                var points = curve.Points.Where(p => figure(p) is not null).Select(p => (p.Shots, Of: figure(p)!)).ToList();
                if (points.Count > 0)
                    page.Append(Svg.Intervals(name, "normals", [.. points.Select(p => (p.Shots, p.Of.Mean - p.Of.Deviation, p.Of.Mean,
                        p.Of.Mean + p.Of.Deviation))]));
            }
            page.Append("</div><table class='recipes'><tr><th>normals<th>draws");
            foreach (var (name, _) in Columns) page.Append($"<th>{name}");
            foreach (var point in curve.Points)
            {
                page.Append($"<tr><td>{point.Shots}<td>{point.Draws}");
                foreach (var (_, figure) in Columns) page.Append($"<td>{Text(figure(point))}");
            }
            page.Append("</table></section>");
        }
        HtmlReport.Save(path, page.Append("</main></body></html>"));
    }

    public static void Print(IReadOnlyList<ShotCurve> curves)
    {
        foreach (var curve in curves)
        {
            var table = new Table().Border(TableBorder.Rounded).AddColumn("normals");
            foreach (var (name, _) in Columns) table.AddColumn(new TableColumn(name).RightAligned());
            foreach (var p in curve.Points)
                table.AddRow([p.Shots.ToString(CultureInfo.InvariantCulture), .. Columns.Select(c => Text(c.Figure(p)))]);
            AnsiConsole.Write(table);
            Console.WriteLine($"{curve.Dataset}, {curve.Recipe}: {Settings(curve)}");
            foreach (string problem in curve.Problems) Console.Error.WriteLine($"spade: {problem}");
        }
    }

    private static string Settings(ShotCurve curve)
        => $"model {curve.Model}, {curve.Preprocessing}; mean ± standard deviation of {curve.Points[0].Draws} draws of the normals";

    private static string Text(ShotSpread? spread)
        => spread is null ? "-" : string.Create(CultureInfo.InvariantCulture, $"{spread.Mean:0.000} ± {spread.Deviation:0.000}");
}
