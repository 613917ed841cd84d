using System.Text.Json.Serialization;

namespace SpadeCluster.Cli.Evaluation;

/// <summary>A figure over several draws.</summary>
/// <param name="Deviation">Standard deviation of the draws, with n - 1; 0 for one draw.</param>
internal sealed record ShotSpread(double Mean, double Deviation, double Lowest, double Highest)
{
    /// <returns>Null if the figure is undefined in a draw.</returns>
    public static ShotSpread? Of(IReadOnlyList<double?> figures)
    {
        if (figures.Any(f => f is null)) return null;
        double[] values = [.. figures.Select(f => f!.Value)];
        double mean = values.Average();
        double deviation = values.Length == 1 ? 0 : Math.Sqrt(values.Sum(v => (v - mean) * (v - mean)) / (values.Length - 1));
        return new(mean, deviation, values.Min(), values.Max());
    }
}

/// <summary>The figures of one draw of normals.</summary>
/// <param name="Seed">Of the draw: a larger number of shots contains the smaller one of the same seed.</param>
internal sealed record ShotDraw(int Shots, int Seed, double? ImageAuroc, double? ImageAupr, double? PixelAuroc,
    [property: JsonPropertyName("pro_30")] double? Pro30, double? Aupimo);

/// <summary>The figures of all draws of one number of normals.</summary>
internal sealed record ShotPoint(int Shots, int Draws, ShotSpread? ImageAuroc, ShotSpread? ImageAupr, ShotSpread? PixelAuroc,
    [property: JsonPropertyName("pro_30")] ShotSpread? Pro30, ShotSpread? Aupimo);

/// <summary>Figures by the number of normals, of one category with one recipe.</summary>
internal sealed record ShotCurve(string Dataset, string Recipe, string Model, string Preprocessing, IReadOnlyList<ShotPoint> Points,
    IReadOnlyList<ShotDraw> Draws, IReadOnlyList<string> Problems)
{
    public static IReadOnlyList<ShotPoint> PointsOf(IEnumerable<ShotDraw> draws)
        => [.. draws.GroupBy(d => d.Shots).OrderBy(g => g.Key).Select(g =>
        {
            ShotSpread? Of(Func<ShotDraw, double?> figure) => ShotSpread.Of([.. g.Select(figure)]);
            return new ShotPoint(g.Key, g.Count(), Of(d => d.ImageAuroc), Of(d => d.ImageAupr), Of(d => d.PixelAuroc), Of(d => d.Pro30),
                Of(d => d.Aupimo));
        })];
}
