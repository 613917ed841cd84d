using SpadeCluster.Scoring;

namespace SpadeCluster.Evaluation;

/// <summary>The errors of a threshold on known parts.</summary>
/// <param name="Threshold">Scores above it are defects.</param>
/// <param name="Misses">Share of the known defects at or below it.</param>
/// <param name="FalseRejects">Share of the normals above it, by their leave-one-out scores.</param>
/// <param name="Cost">Expected: misses times their cost plus false rejects times theirs, defects and good parts taken as
/// equally frequent.</param>
public sealed record ThresholdCost(double Threshold, RateInterval Misses, RateInterval FalseRejects, double Cost);

/// <summary>Compares thresholds by the normals and a few known defects.</summary>
public static class KnownDefects
{
    /// <summary>All thresholds that separate these scores differently: each halfway between two neighbouring scores.</summary>
    /// <param name="calibration">Of the version that scored the defects.</param>
    /// <param name="defects">Scores of known defects, at least 1.</param>
    /// <param name="costMiss">What a missed defect costs.</param>
    /// <param name="costReject">What a rejected good part costs, in the same unit.</param>
    /// <returns>Ascending by threshold.</returns>
    public static IReadOnlyList<ThresholdCost> Compare(Calibration calibration, IReadOnlyList<double> defects, double costMiss,
        double costReject)
    {
        double[] scores = [.. calibration.Scores.Concat(defects).Distinct().Order()];
        double[] between = [.. scores.Zip(scores.Skip(1)).Select(p => p.First + (p.Second - p.First) / 2)];
        return [.. between.Append(scores[^1]).Prepend(scores[0] / 2).Select(t => At(calibration, defects, t, costMiss, costReject))];
    }

    /// <summary>The figures of one threshold.</summary>
    public static ThresholdCost At(Calibration calibration, IReadOnlyList<double> defects, double threshold, double costMiss,
        double costReject)
    {
        var misses = RateInterval.Of(defects.Count(d => d <= threshold), defects.Count);
        var rejects = calibration.Estimate(threshold);
        return new(threshold, misses, rejects, costMiss * misses.Rate + costReject * rejects.Rate);
    }

    /// <summary>The threshold of least expected cost; of several equal ones in a row, the middle one, which is farthest from a higher
    /// cost.</summary>
    public static ThresholdCost Cheapest(IReadOnlyList<ThresholdCost> compared)
    {
        double least = compared.Min(j => j.Cost);
        var row = compared.SkipWhile(j => j.Cost > least).TakeWhile(j => j.Cost <= least).ToList();
        return row[row.Count / 2];
    }
}
