using System.Globalization;
using System.Net;
using System.Text;
using Microsoft.Extensions.Localization;

namespace SpadeCluster.Server.Console;

/// <summary>A category's scores as SVG and words: its normals', the last decisions', threshold and one decision.</summary>
internal static class Histogram
{
    public const int Width = 600, Height = 140;
    private const int Bins = 48, Left = 8, Right = 8, Bottom = 2, Top = 6;

    /// <summary>Logarithmic, because distances of defects vary widely.</summary>
    public sealed record Axis(double Low, double High)
    {
        public static Axis Of(IEnumerable<double> values)
        {
            double[] positive = [.. values.Where(v => v > 0)];
            return positive.Length == 0 ? new Axis(0.1, 1) : new Axis(positive.Min() * 0.9, positive.Max() * 1.1);
        }

        public double X(double value) =>
            Left + (Width - Left - Right) * Math.Clamp(value <= Low ? 0 : Math.Log(value / Low) / Math.Log(High / Low), 0, 1);
    }

    public static string Draw(IStringLocalizer<Texts> texts, IReadOnlyList<double> normals, IReadOnlyList<double> decisions, double theta,
        double? mark)
    {
        var axis = Axis.Of([.. normals, .. decisions, theta, mark ?? theta]);
        // Stretched to the page; words and numbers stand below, where they keep their size.
        var svg = new StringBuilder($"<svg class='histogram' viewBox='0 0 {Width} {Height}' preserveAspectRatio='none' role='img' "
            + $"aria-label='{Say("Histogram.Label")}'>");
        Bars(svg, "normals", normals, axis);
        Bars(svg, "decided", decisions, axis);
        Line(svg, "theta", axis.X(theta));
        if (mark is { } at) Line(svg, "this", axis.X(at));
        svg.Append($"<path class='axis' d='M{Left} {Height - Bottom}H{Width - Right}'/></svg>");
        svg.Append($"<p class='ticks'><span>{Text.Number(axis.Low)}</span><span>{Say("Histogram.Axis")}</span>"
            + $"<span>{Text.Number(axis.High)}</span></p>");
        svg.Append($"<p class='legend-text'><i class='key theta'></i> {Say("Common.MapLegend", Text.Number(theta))}");
        if (mark is { } score) svg.Append($" <i class='key this'></i> {Say("Histogram.ThisPart", Text.Number(score))}");
        return svg.Append("</p>").ToString();

        string Say(string key, params object[] values) => WebUtility.HtmlEncode(texts[key, values]);
    }

    private static void Bars(StringBuilder svg, string kind, IReadOnlyList<double> values, Axis axis)
    {
        if (values.Count == 0) return;
        var counts = new int[Bins];
        double step = (Width - Left - Right) / (double)Bins;
        foreach (double value in values) counts[Math.Min(Bins - 1, (int)((axis.X(value) - Left) / step))]++;
        int most = counts.Max(), half = kind == "normals" ? 0 : 1;
        for (int b = 0; b < Bins; b++)
        {
            if (counts[b] == 0) continue;
            double height = (Height - Bottom - Top - 8) * counts[b] / (double)most;
            svg.Append($"<rect class='{kind}' x='{N(Left + b * step + half * step / 2, "0.#")}' "
                + $"y='{N(Height - Bottom - height, "0.#")}' width='{N(step / 2 - 0.5, "0.#")}' height='{N(height, "0.#")}'/>");
        }
    }

    private static void Line(StringBuilder svg, string kind, double x)
        => svg.Append($"<path class='{kind}' d='M{N(x, "0.#")} 0V{Height - Bottom}'/>");

    private static string N(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}
