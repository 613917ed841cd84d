namespace SpadeCluster.Evaluation;

/// <summary>
/// Labelled scores in descending order, as cumulative counts at each distinct score, from which all curves are computed. Equal scores are
/// one step, so that ties count half in the areas.
/// </summary>
public sealed class RankedScores
{
    private readonly IEnumerable<(float Threshold, long TruePositives, long FalsePositives)> _steps;

    /// <param name="steps">Cumulative counts at each distinct score, the highest first; walked once for each measure.</param>
    internal RankedScores(IEnumerable<(float Threshold, long TruePositives, long FalsePositives)> steps, long positives, long negatives)
        => (_steps, Positives, Negatives) = (steps, positives, negatives);

    /// <param name="scores">Higher is more anomalous; no NaN.</param>
    /// <param name="anomalous">The truth, same length.</param>
    public RankedScores(ReadOnlySpan<float> scores, ReadOnlySpan<bool> anomalous)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(scores.Length, anomalous.Length, nameof(anomalous));
        float[] keys = [.. scores];
        bool[] labels = [.. anomalous];
        Array.Sort(keys, labels);
        var steps = new List<(float, long, long)>();
        long tp = 0, fp = 0;
        for (int i = keys.Length - 1; i >= 0; i--)
        {
            if (float.IsNaN(keys[i])) throw new ArgumentException("a score is NaN", nameof(scores));
            if (labels[i]) tp++;
            else fp++;
            if (i == 0 || keys[i - 1] != keys[i]) steps.Add((keys[i], tp, fp));
        }
        (_steps, Positives, Negatives) = (steps, tp, fp);
    }

    public long Positives { get; }
    public long Negatives { get; }

    /// <summary>Area under the ROC curve; NaN without both classes.</summary>
    public double RocArea()
    {
        double area = 0;
        long lastTp = 0, lastFp = 0;
        foreach (var (_, tp, fp) in _steps)
        {
            area += (fp - lastFp) * 0.5 * (tp + lastTp);
            (lastTp, lastFp) = (tp, fp);
        }
        return Positives == 0 || Negatives == 0 ? double.NaN : area / ((double)Positives * Negatives);
    }

    /// <summary>Average precision (area under the precision-recall curve, as steps); NaN without positives.</summary>
    public double AveragePrecision()
    {
        double sum = 0;
        long lastTp = 0;
        foreach (var (_, tp, fp) in _steps)
        {
            sum += (tp - lastTp) * (tp / (double)(tp + fp));
            lastTp = tp;
        }
        return Positives == 0 ? double.NaN : sum / Positives;
    }

    /// <summary>Highest F1 over all thresholds, and the lowest score it calls anomalous.</summary>
    public (double F1, float Threshold) BestF1()
    {
        var best = (F1: 0.0, Threshold: float.PositiveInfinity);
        foreach (var (threshold, tp, fp) in _steps)
        {
            double f1 = 2.0 * tp / (tp + fp + Positives);
            if (f1 > best.F1) best = (f1, threshold);
        }
        return best;
    }

    /// <summary>Lowest mean of miss rate and false-reject rate over all thresholds; NaN without both classes.</summary>
    public double BestMeanError()
        => Positives == 0 || Negatives == 0 ? double.NaN : _steps.Prepend((float.PositiveInfinity, 0, 0))
            .Min(s => 0.5 * ((Positives - s.TruePositives) / (double)Positives + s.FalsePositives / (double)Negatives));

    /// <summary>ROC points from (0,0) to (1,1), thinned to about <paramref name="most"/> for drawing.</summary>
    public IReadOnlyList<(double FalsePositiveRate, double TruePositiveRate)> RocCurve(int most = 400)
    {
        var points = new List<(double, double)> { (0, 0) };
        var steps = _steps.ToList();
        int stride = Math.Max(1, steps.Count / most);
        for (int i = 0; i < steps.Count; i++)
            if (i % stride == 0 || i == steps.Count - 1)
                points.Add((steps[i].FalsePositives / (double)Math.Max(Negatives, 1),
                    steps[i].TruePositives / (double)Math.Max(Positives, 1)));
        return points;
    }
}
