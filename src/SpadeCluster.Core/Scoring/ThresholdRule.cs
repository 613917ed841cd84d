namespace SpadeCluster.Scoring;

/// <summary>How a threshold is estimated from the normals' leave-one-out scores; docs/thresholds.md compares them.</summary>
public enum ThresholdRule
{
    /// <summary>A conformal quantile of all scores: it promises a false-reject rate, but one outlier can raise it without limit.</summary>
    Conformal,
    /// <summary>A normal quantile of the log scores, with median and median absolute deviation: outliers hardly change it.</summary>
    Robust,
    /// <summary>A generalised Pareto distribution fitted to the highest fifth of the scores, without suspects.</summary>
    Tail,
}
