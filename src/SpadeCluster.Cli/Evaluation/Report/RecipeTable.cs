using System.Globalization;
using System.Net;
using System.Text;

namespace SpadeCluster.Cli.Evaluation.Report;

/// <summary>A table of the recipes, one row per data set and recipe, with links to the sections of the page.</summary>
internal static class RecipeTable
{
    private static readonly (string Name, Func<CategoryEvaluation, double?> Figure, string Format, bool HigherIsBetter)[] Columns =
    [
        ("image AUROC", c => c.ImageAurocMapTop1, "0.000", true),
        ("pixel AUROC", c => c.PixelAuroc, "0.000", true),
        ("PRO up to 0.3", c => c.Pro30, "0.000", true),
        ("AUPIMO", c => c.Aupimo, "0.000", true),
        ("SegF1", c => c.SegF1, "0.000", true),
        ("misses", c => c.MissRate, "0.00", false),
        ("false rejects", c => c.FalseRejectRate, "0.00", false),
        ("mean of both", c => c.MeanErrorRate, "0.000", false),
        ("s per image", c => c.SecondsPerImage.Total, "0.000", false),
        ("s to learn", c => c.GallerySeconds + c.CalibrationSeconds, "0.0", false),
        ("MB in memory", c => c.GalleryBytes / 1e6, "0.0", false),
    ];

    /// <param name="categories">In the order of the page's sections.</param>
    public static void Write(StringBuilder page, IReadOnlyList<CategoryEvaluation> categories)
    {
        page.Append("<table class='recipes'><tr><th>data<th>recipe");
        foreach (var column in Columns) page.Append($"<th>{column.Name}");
        foreach (var (index, row) in categories.Index().OrderBy(c => c.Item.Dataset, StringComparer.Ordinal))
        {
            page.Append($"<tr><td>{WebUtility.HtmlEncode(row.Dataset)}<td><a href='#s{index}'>{row.Recipe}</a>");
            foreach (var (_, figure, format, higher) in Columns)
            {
                var all = categories.Where(c => c.Dataset == row.Dataset).Select(Text).ToList();
                string? Text(CategoryEvaluation c) => figure(c)?.ToString(format, CultureInfo.InvariantCulture);
                var known = all.OfType<string>().OrderBy(t => double.Parse(t, CultureInfo.InvariantCulture)).ToList();
                bool best = Text(row) is { } text && text == (higher ? known[^1] : known[0]);
                page.Append(best ? $"<td><b>{Text(row)}</b>" : $"<td>{Text(row) ?? "-"}");
            }
        }
        page.Append("</table>");
    }
}
