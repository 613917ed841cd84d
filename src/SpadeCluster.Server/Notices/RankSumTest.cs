namespace SpadeCluster.Server.Notices;

/// <summary>
/// Tests whether two samples are from the same distribution: the two-sided rank-sum test of Wilcoxon (1945) and of Mann and Whitney (1947),
/// with the normal approximation, corrected for ties and continuity. Only the order of the values matters.
/// </summary>
internal static class RankSumTest
{
    /// <param name="known">At least 1 value.</param>
    /// <param name="recent">At least 1 value.</param>
    /// <returns>By how many standard deviations the recent values rank too high; negative: too low.</returns>
    public static double Deviations(IReadOnlyList<double> known, IReadOnlyList<double> recent)
    {
        double n = known.Count, m = recent.Count, all = n + m, ranks = 0, ties = 0;
        var sorted = known.Select(v => (Value: v, Recent: false)).Concat(recent.Select(v => (Value: v, Recent: true))).OrderBy(v => v.Value)
            .ToArray();
        for (int from = 0, to; from < sorted.Length; from = to)
        {
            for (to = from; to < sorted.Length && sorted[to].Value == sorted[from].Value; to++) { }
            double equal = to - from;
            ties += equal * equal * equal - equal;
            // Equal values share the mean of their ranks, which count from 1.
            ranks += sorted[from..to].Count(v => v.Recent) * (from + to + 1) / 2.0;
        }
        double excess = ranks - m * (all + 1) / 2, variance = n * m / 12 * (all + 1 - ties / (all * (all - 1)));
        return variance <= 0 ? 0 : Math.CopySign(Math.Max(0, Math.Abs(excess) - 0.5), excess) / Math.Sqrt(variance);
    }
}
