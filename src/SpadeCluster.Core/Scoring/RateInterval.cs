namespace SpadeCluster.Scoring;

/// <summary>A rate estimated from counts, with Wilson's 95 % interval (1927).</summary>
/// <param name="Rate">Share observed.</param>
/// <param name="Low">Lower end.</param>
/// <param name="High">Upper end.</param>
public readonly record struct RateInterval(double Rate, double Low, double High)
{
    private const double Z = 1.959963984540054;

    public static RateInterval Of(int events, int trials)
    {
        if (trials == 0) return new(double.NaN, 0, 1);
        double p = events / (double)trials, z2 = Z * Z, shrink = 1 + z2 / trials;
        double centre = (p + z2 / (2 * trials)) / shrink,
            half = Z * Math.Sqrt(p * (1 - p) / trials + z2 / (4.0 * trials * trials)) / shrink;
        return new(p, events == 0 ? 0 : centre - half, events == trials ? 1 : centre + half);
    }
}
