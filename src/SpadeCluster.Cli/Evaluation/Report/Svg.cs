using System.Globalization;
using System.Net;
using System.Text;

namespace SpadeCluster.Cli.Evaluation.Report;

/// <summary>The report's drawings: curves, histograms, mask outlines. Colours come from the page's style sheet.</summary>
internal static class Svg
{
    private const int Width = 340, Height = 230, Left = 46, Bottom = 30, Top = 10, Right = 10;

    /// <summary>Curves over the unit square (or up to <paramref name="maxX"/>).</summary>
    public static string Chart(string title, string x, string y, double maxX,
        params IEnumerable<(string Label, IReadOnlyList<(double X, double Y)> Points)> curves)
    {
        var svg = Open(title);
        for (int i = 0; i <= 4; i++)
        {
            double share = i / 4.0;
            svg.Append(Text(X(share), Height - Bottom + 14, "middle", (share * maxX).ToString("0.##", CultureInfo.InvariantCulture)));
            svg.Append(Text(Left - 5, Y(share) + 4, "end", share.ToString("0.##", CultureInfo.InvariantCulture)));
            svg.Append(Line("grid", X(0), Y(share), X(1), Y(share)));
        }
        int index = 0;
        foreach (var (label, points) in curves)
        {
            string path = string.Join(' ', points.Select(p => $"{N(X(p.X / maxX))},{N(Y(p.Y))}"));
            svg.Append($"<polyline class='curve c{index}' points='{path}'/>");
            svg.Append($"<text class='c{index}' x='{Width - Right - 4}' y='{Height - Bottom - 8 - 14 * index}' "
                + $"text-anchor='end'>{label}</text>");
            index++;
        }
        return Close(svg, x, y);
    }

    /// <summary>A mean at each of several counts, which are at equal distances, with a bar of its interval; 0 to 1.</summary>
    public static string Intervals(string title, string x, IReadOnlyList<(int At, double Low, double Mean, double High)> points)
    {
        var svg = Open(title);
        for (int i = 0; i <= 4; i++)
        {
            svg.Append(Text(Left - 5, Y(i / 4.0) + 4, "end", (i / 4.0).ToString("0.##", CultureInfo.InvariantCulture)));
            svg.Append(Line("grid", X(0), Y(i / 4.0), X(1), Y(i / 4.0)));
        }
        double At(int index) => X((index + 0.5) / points.Count);
        foreach (var (i, p) in points.Index())
        {
            svg.Append(Text(At(i), Height - Bottom + 14, "middle", p.At.ToString(CultureInfo.InvariantCulture)));
            svg.Append(Line("axis", At(i), Y(Math.Max(p.Low, 0)), At(i), Y(Math.Min(p.High, 1))));
            // Below a high point, where there is room.
            svg.Append(Text(At(i) + 4, Y(p.Mean) + (p.Mean > 0.5 ? 14 : -5), "start",
                p.Mean.ToString("0.000", CultureInfo.InvariantCulture)));
        }
        string path = string.Join(' ', points.Index().Select(p => $"{N(At(p.Index))},{N(Y(p.Item.Mean))}"));
        return Close(svg.Append($"<polyline class='curve c1' points='{path}'/>"), x, "mean and standard deviation");
    }

    /// <summary>Two histograms over the same bins, which are equal on a logarithmic scale because distances of defects vary widely, and a
    /// threshold.</summary>
    public static string Histogram(string title, IReadOnlyList<double> good, IReadOnlyList<double> defective, double threshold,
        string thresholdLabel)
    {
        const int Bins = 24;
        double[] all = [.. good.Concat(defective).Append(threshold).Where(v => v > 0)];
        double low = all.Min(), high = all.Max(), span = high > low ? Math.Log(high / low) : 1;
        double Share(double value) => value <= low ? 0 : Math.Log(value / low) / span;
        int[] Count(IReadOnlyList<double> values)
        {
            var counts = new int[Bins];
            foreach (double v in values) counts[Math.Min(Bins - 1, (int)(Share(v) * Bins))]++;
            return counts;
        }
        var (g, d) = (Count(good), Count(defective));
        int most = Math.Max(1, g.Concat(d).Max());
        var svg = Open(title);
        for (int b = 0; b < Bins; b++)
        {
            svg.Append(Bar("good", b, g[b], 0));
            svg.Append(Bar("defect", b, d[b], 1));
        }
        double at = X(Share(threshold));
        svg.Append(Line("threshold", at, Y(0), at, Y(1)));
        svg.Append(Text(at + (at > Width * 0.7 ? -4 : 4), Top + 10, at > Width * 0.7 ? "end" : "start", thresholdLabel));
        svg.Append(Text(X(0), Height - Bottom + 14, "start", low.ToString("G4", CultureInfo.InvariantCulture)));
        svg.Append(Text(X(1), Height - Bottom + 14, "end", high.ToString("G4", CultureInfo.InvariantCulture)));
        svg.Append(Text(Left - 5, Y(1) + 8, "end", most.ToString(CultureInfo.InvariantCulture)));
        return Close(svg, "squared distance, logarithmic", "images");

        string Bar(string kind, int bin, int count, int side)
        {
            double width = (X(1) - X(0)) / Bins, height = (Y(0) - Y(1)) * count / most;
            return count == 0 ? "" : $"<rect class='{kind}' x='{N(X(0) + bin * width + side * width / 2)}' y='{N(Y(0) - height)}' "
                + $"width='{N(width / 2 - 0.5)}' height='{N(height)}'/>";
        }
    }

    /// <summary>Horizontal bars, each below its label and its value.</summary>
    /// <param name="mark">A line at this value, with its meaning; null: none.</param>
    public static string Bars(string title, IReadOnlyList<(string Label, double Value, string Text, bool High)> bars,
        (double At, string Label)? mark = null)
    {
        const int Row = 36, Inset = 6, BarAt = 19, BarHeight = 12;
        double most = Math.Max(bars.Max(b => b.Value), mark?.At ?? 0), scale = most > 0 ? (Width - 2 * Inset) / most : 0;
        int end = Row * bars.Count;
        var svg = Open(title, end + (mark is null ? 4 : 20));
        double at = Inset + (mark?.At ?? 0) * scale;
        foreach (var (i, (label, value, text, high)) in bars.Index())
        {
            int top = Row * i + BarAt;
            svg.Append(Text(Inset, top - 5, "start", WebUtility.HtmlEncode(label)));
            svg.Append(Text(Width - Inset, top - 5, "end", WebUtility.HtmlEncode(text)));
            svg.Append($"<rect class='{(high ? "defect" : "good")}' x='{Inset}' y='{top}' width='{N(value * scale)}' "
                + $"height='{BarHeight}'/>");
            // Not through the labels.
            if (mark is not null) svg.Append(Line("threshold", at, top - 2, at, top + BarHeight + 2));
        }
        if (mark is { } m) svg.Append(Text(at, end + 13, at > Width / 2.0 ? "end" : "start", WebUtility.HtmlEncode(m.Label)));
        return svg.Append("</svg></figure>").ToString();
    }

    private static StringBuilder Open(string title, int height = Height)
        => new($"<figure><figcaption>{title}</figcaption><svg viewBox='0 0 {Width} {height}' role='img' aria-label='{title}'>");

    private static string Close(StringBuilder svg, string x, string y)
    {
        svg.Append(Line("axis", X(0), Y(0), X(1), Y(0))).Append(Line("axis", X(0), Y(0), X(0), Y(1)));
        svg.Append(Text((X(0) + X(1)) / 2, Height - 3, "middle", x));
        svg.Append($"<text x='10' y='{N((Y(0) + Y(1)) / 2)}' text-anchor='middle' transform='rotate(-90 10 "
            + $"{N((Y(0) + Y(1)) / 2)})'>{y}</text>");
        return svg.Append("</svg></figure>").ToString();
    }

    private static double X(double share) => Left + share * (Width - Left - Right);
    private static double Y(double share) => Height - Bottom - share * (Height - Bottom - Top);
    private static string N(double value) => value.ToString("0.#", CultureInfo.InvariantCulture);
    private static string Line(string kind, double x1, double y1, double x2, double y2) =>
        $"<line class='{kind}' x1='{N(x1)}' y1='{N(y1)}' x2='{N(x2)}' y2='{N(y2)}'/>";
    private static string Text(double x, double y, string anchor, string text) =>
        $"<text x='{N(x)}' y='{N(y)}' text-anchor='{anchor}'>{text}</text>";
}
