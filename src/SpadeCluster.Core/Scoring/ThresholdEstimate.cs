namespace SpadeCluster.Scoring;

/// <summary>Thresholds that a further normal exceeds at about a given rate. The promised one is <see cref="ConformalQuantile"/>.</summary>
public static class ThresholdEstimate
{
    /// <summary>Robust standard deviations above the median beyond which a log score is suspect (Iglewicz and Hoaglin 1993).</summary>
    public const double SuspectDeviations = 3.5;

    /// <summary>Share of the scores that count as their tail.</summary>
    private const double TailShare = 0.2;

    /// <summary>Copies of one photograph have no spread; a thousandth keeps the thresholds above their median.</summary>
    private const double LeastDeviation = 1e-3;
    private const double LeastScore = 1e-12;

    /// <param name="ascending">Scores of the normals, at least 1, none negative; for <see cref="ThresholdRule.Tail"/>
    /// without suspects.</param>
    /// <param name="alpha">The target rate, between 0 and 1.</param>
    public static double Of(ThresholdRule rule, IReadOnlyList<double> ascending, double alpha) => rule switch
    {
        ThresholdRule.Robust => Robust(ascending, NormalQuantile.Of(1 - alpha)),
        ThresholdRule.Tail => Tail(ascending, alpha),
        _ => ConformalQuantile.Of(ascending, alpha).Threshold,
    };

    /// <summary>Scores above this are suspect: far outside the others.</summary>
    public static double SuspectLimit(IReadOnlyList<double> ascending) => Robust(ascending, SuspectDeviations);

    /// <summary>Median of the log scores plus <paramref name="deviations"/> times 1.4826 median absolute deviations. It holds while fewer
    /// than half of the normals are outliers.</summary>
    private static double Robust(IReadOnlyList<double> ascending, double deviations)
    {
        double[] logs = [.. ascending.Select(s => Math.Log(Math.Max(s, LeastScore)))];
        double median = Median(logs);
        double[] distances = [.. logs.Select(l => Math.Abs(l - median)).Order()];
        return Math.Exp(median + deviations * Math.Max(1.4826 * Median(distances), LeastDeviation));
    }

    /// <summary>Peaks over threshold, the generalised Pareto distribution by its moments (Hosking and Wallis 1987).</summary>
    private static double Tail(IReadOnlyList<double> ascending, double alpha)
    {
        int n = ascending.Count, tail = Math.Max((int)Math.Ceiling(n * TailShare), Math.Min(n - 1, 3));
        // A rate within the bulk of the scores needs no tail; too few scores have none.
        if (tail < 2 || alpha * n >= tail) return ascending[Math.Clamp((int)Math.Ceiling((1 - alpha) * n) - 1, 0, n - 1)];
        double from = ascending[n - tail - 1];
        double[] excesses = [.. ascending.Skip(n - tail).Select(s => s - from)];
        double mean = excesses.Average(), variance = excesses.Sum(e => (e - mean) * (e - mean)) / (tail - 1);
        if (mean <= 0) return from;
        // Equal excesses have no variance to fit; the exponential distribution is the member between light and heavy tails.
        double ratio = variance > 0 ? Math.Min(mean * mean / variance, 10) : 1;
        double shape = 0.5 * (1 - ratio), scale = 0.5 * mean * (1 + ratio), beyond = tail / (alpha * n);
        return from + (Math.Abs(shape) < 1e-9 ? scale * Math.Log(beyond) : scale / shape * (Math.Pow(beyond, shape) - 1));
    }

    private static double Median(double[] ascending)
        => 0.5 * (ascending[(ascending.Length - 1) / 2] + ascending[ascending.Length / 2]);
}
