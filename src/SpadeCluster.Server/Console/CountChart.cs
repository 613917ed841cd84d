using System.Globalization;
using System.Net;
using System.Text;
using Microsoft.Extensions.Localization;
using SpadeCluster.Server.Decisions;

namespace SpadeCluster.Server.Console;

/// <summary>Decisions by verdict over time as SVG: one bar for each step, defects on top.</summary>
internal static class CountChart
{
    private const int Width = 600, Height = 120;

    /// <summary>So that one defect among thousands of good parts is seen.</summary>
    private const double Least = 3;

    /// <param name="address">The address of the decisions of one step; null: there is none.</param>
    public static string Draw(IStringLocalizer<Texts> texts, DecisionCounts counts, Func<CountedTime, string?> address)
    {
        // Stretched to the page; words and times stand below, where they keep their size.
        var svg = new StringBuilder($"<svg class='counts' viewBox='0 0 {Width} {Height}' preserveAspectRatio='none' role='img' "
            + $"aria-label='{WebUtility.HtmlEncode(texts["Counts.Chart"])}'>");
        double most = Math.Max(1, counts.Times.Max(t => t.Counts.Total)), step = (double)Width / counts.Times.Count;
        foreach (var (i, time) in counts.Times.Index().Where(t => t.Item.Counts.Total > 0))
        {
            string? link = address(time);
            if (link is not null) svg.Append($"<a href='{WebUtility.HtmlEncode(link)}' tabindex='-1'>");
            double y = Height - 1;
            foreach (var (verdict, count) in new[] { ("none", time.Counts.None), ("good", time.Counts.Good),
                ("review", time.Counts.Review), ("defect", time.Counts.Defect) })
            {
                if (count == 0) continue;
                double height = Math.Max(Least, count / most * (Height - 12));
                y -= height;
                svg.Append($"<rect class='{verdict}' x='{N(i * step + step * 0.1)}' y='{N(y)}' width='{N(step * 0.8)}' "
                    + $"height='{N(height)}'/>");
            }
            if (link is not null) svg.Append("</a>");
        }
        return svg.Append($"<path class='axis' d='M0 {Height - 0.5:0.0}H{Width}'/></svg>".Replace(',', '.')).ToString();
    }

    private static string N(double value) => value.ToString("0.##", CultureInfo.InvariantCulture);
}
