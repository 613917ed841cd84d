using System.Globalization;
using System.Text;

namespace SpadeCluster.Server.Console;

/// <summary>A histogram of a category's scores as SVG: the normals of the calibration, the threshold and a decision on the same
/// axis.</summary>
internal static class Histogram
{
    public const int Width = 600, Height = 170;
    private const int Bins = 48, Left = 8, Right = 8, Bottom = 24, Top = 22;

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

    public static string Draw(IReadOnlyList<double> normals, IReadOnlyList<double> decisions, double theta, double? mark)
    {
        var axis = Axis.Of([.. normals, .. decisions, theta, mark ?? theta]);
        var svg = new StringBuilder($"<svg class='histogram' viewBox='0 0 {Width} {Height}' role='img' aria-label='histogram of scores'>");
        Bars(svg, "normals", normals, axis);
        Bars(svg, "decided", decisions, axis);
        Line(svg, "theta", axis.X(theta), $"threshold {N(theta, "G4")}", Top - 8);
        if (mark is { } at) Line(svg, "this", axis.X(at), $"this part {N(at, "G4")}", Top + 6);
        svg.Append($"<path class='axis' d='M{Left} {Height - Bottom}H{Width - Right}'/>");
        svg.Append($"<text x='{Left}' y='{Height - 8}'>{N(axis.Low, "G3")}</text><text x='{Width / 2}' y='{Height - 8}' "
            + $"text-anchor='middle'>score (squared distance, logarithmic)</text><text x='{Width - Right}' y='{Height - 8}' "
            + $"text-anchor='end'>{N(axis.High, "G3")}</text>");
        return svg.Append("</svg>").ToString();
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

    private static void Line(StringBuilder svg, string kind, double x, string label, int y)
    {
        bool right = x > Width * 0.65;
        svg.Append($"<path class='{kind}' d='M{N(x, "0.#")} {y - 8}V{Height - Bottom}'/><text class='{kind}' "
            + $"x='{N(x + (right ? -4 : 4), "0.#")}' y='{y}' text-anchor='{(right ? "end" : "start")}'>{label}</text>");
    }

    private static string N(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}
