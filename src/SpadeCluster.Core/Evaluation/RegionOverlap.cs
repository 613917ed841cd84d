using SpadeCluster.Scoring;

namespace SpadeCluster.Evaluation;

/// <summary>
/// Per-region overlap (Bergmann et al. 2020): at each threshold the mean over true regions of the share found, against the
/// false-positive rate over all pixels outside them. All regions have the same weight, independent of their size.
/// </summary>
public static class RegionOverlap
{
    public const double Limit = 0.3;
    private const int Steps = 200;

    /// <param name="images">Per image its map and true mask, both [height][width].</param>
    /// <returns>Area up to a false-positive rate of 0.3, divided by 0.3 (NaN without regions or normal pixels), and the curve.</returns>
    public static (double Area, IReadOnlyList<(double FalsePositiveRate, double Overlap)> Curve) Measure(
        IReadOnlyList<(float[] Map, bool[] Mask, int Width)> images)
    {
        var regions = new List<float[]>();
        var outside = new List<float>();
        foreach (var (map, mask, width) in images)
        {
            foreach (var region in ConnectedComponents.Find(mask, width))
            {
                float[] scores = [.. region.Select(i => map[i])];
                Array.Sort(scores);
                regions.Add(scores);
            }
            for (int i = 0; i < map.Length; i++)
                if (!mask[i]) outside.Add(map[i]);
        }
        if (regions.Count == 0 || outside.Count == 0) return (double.NaN, []);
        float[] normal = [.. outside];
        Array.Sort(normal);

        var curve = new List<(double FalsePositiveRate, double Overlap)>(Steps + 1);
        for (int s = 0; s <= Steps; s++)
        {
            double threshold = Quantile(normal, 1 - Limit * s / Steps);
            double rate = ShareAtLeast(normal, threshold);
            if (rate <= Limit + 1e-9) curve.Add((rate, regions.Average(r => ShareAtLeast(r, threshold))));
        }
        double area = 0;
        for (int i = 1; i < curve.Count; i++)
            area += (curve[i].FalsePositiveRate - curve[i - 1].FalsePositiveRate) * 0.5 * (curve[i].Overlap + curve[i - 1].Overlap);
        return (area / Limit, curve);
    }

    private static double Quantile(float[] ascending, double q)
    {
        double at = q * (ascending.Length - 1);
        int low = (int)at;
        double high = ascending[Math.Min(low + 1, ascending.Length - 1)];
        return ascending[low] + (high - ascending[low]) * (at - low);
    }

    private static double ShareAtLeast(float[] ascending, double threshold)
    {
        int low = 0, high = ascending.Length;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (ascending[middle] < threshold) low = middle + 1;
            else high = middle;
        }
        return (ascending.Length - low) / (double)ascending.Length;
    }
}
