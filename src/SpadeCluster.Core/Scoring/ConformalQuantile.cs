namespace SpadeCluster.Scoring;

/// <summary>Thresholds from n scores of exchangeable normals (split-conformal quantile; Vovk et al. 2005).</summary>
public static class ConformalQuantile
{
    /// <summary>
    /// The ceil((n+1)(1-alpha))-th smallest score: a further normal exceeds it with probability at most alpha. With
    /// n &lt; 1/alpha - 1 no finite threshold can promise alpha; the result is then the largest score, which promises 1/(n+1).
    /// </summary>
    /// <returns>The threshold, and the rate it promises.</returns>
    public static (double Threshold, double Rate) Of(IReadOnlyList<double> ascending, double alpha)
    {
        int n = ascending.Count;
        ArgumentOutOfRangeException.ThrowIfZero(n, nameof(ascending));
        // Subtracting 1e-9 keeps a rounding error, such as (n+1)(1-alpha) = 99.00000000000001, from selecting the 100th score.
        int rank = (int)Math.Ceiling((n + 1) * (1 - alpha) - 1e-9);
        return rank <= n ? (ascending[Math.Max(rank, 1) - 1], alpha) : (ascending[n - 1], 1.0 / (n + 1));
    }
}
