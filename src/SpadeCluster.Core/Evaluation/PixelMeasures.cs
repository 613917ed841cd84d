using SpadeCluster.Scoring;

namespace SpadeCluster.Evaluation;

/// <summary>
/// The field's measures of anomaly maps, over maps that are added one after another. The scores of defects' pixels are kept; of
/// all others, only <see cref="PixelCounts"/>.
/// </summary>
/// <param name="dropped">As for <see cref="PixelCounts"/>; 0: the measures are exact.</param>
public sealed class PixelMeasures(int dropped = 0)
{
    /// <summary>The false-positive rates between which AUPIMO is integrated (Bertoldo et al. 2024).</summary>
    public const double PimoLow = 1e-5, PimoHigh = 1e-4;

    /// <summary>The false-positive rate up to which per-region overlap is usually integrated.</summary>
    public const double ProLimit = 0.3;

    /// <summary>Thresholds of that integral, so that figures compare with those of reference implementations.</summary>
    public const int ProSteps = 200;

    private readonly PixelCounts _counts = new(dropped);
    private readonly List<float[]> _regions = [];
    private readonly List<float[]> _defects = [];

    /// <param name="map">[height][width], no NaN.</param>
    /// <param name="mask">The true defect, same shape; empty for a normal image.</param>
    public void Add(float[] map, bool[] mask, int width)
    {
        _counts.Add(map, mask);
        var regions = ConnectedComponents.Find(mask, width).Select(r => r.Select(i => map[i]).ToArray()).ToList();
        if (regions.Count == 0) return;
        _regions.AddRange(regions);
        _defects.Add([.. regions.SelectMany(r => r)]);
    }

    /// <summary>Pixels as scores: areas and best F1. Each walk is over all distinct scores.</summary>
    public RankedScores Ranked => _counts.Ranked();

    /// <summary>SegF1 (Heckler-Kram et al. 2025, MVTec AD 2): F1 of the pixels above a threshold, over all images together; NaN without
    /// defects.</summary>
    public double F1Above(double threshold)
    {
        var last = _counts.Steps().TakeWhile(s => s.Threshold > threshold).LastOrDefault();
        return _counts.Defect == 0 ? double.NaN : 2.0 * last.Defect / (last.Defect + last.Outside + _counts.Defect);
    }

    /// <summary>Area under <see cref="OverlapCurve"/> up to a false-positive rate, divided by it (AU-PRO, Bergmann et al. 2020); NaN
    /// without regions or normal pixels.</summary>
    /// <param name="limit">Above 0, at most 1.</param>
    public double OverlapArea(double limit)
    {
        if (_regions.Count == 0 || _counts.Outside == 0) return double.NaN;
        double area = 0, lastRate = 0, lastOverlap = 0;
        foreach (var (rate, overlap) in Overlap())
        {
            double end = Math.Min(rate, limit);
            if (end > lastRate)
            {
                double atEnd = lastOverlap + (overlap - lastOverlap) * (end - lastRate) / (rate - lastRate);
                area += (end - lastRate) * 0.5 * (lastOverlap + atEnd);
            }
            if (rate >= limit) break;
            (lastRate, lastOverlap) = (rate, overlap);
        }
        return area / limit;
    }

    /// <summary>The same area from thresholds at equally spaced quantiles of the scores outside defects, those above the limit left out,
    /// as reference implementations compute it. If equal scores at the limit lead beyond it, the last step's area is
    /// missing.</summary>
    /// <param name="steps">Thresholds, besides the highest score.</param>
    public double OverlapArea(double limit, int steps)
    {
        if (_regions.Count == 0 || _counts.Outside == 0) return double.NaN;
        double[] quantiles = [.. Enumerable.Range(0, steps + 1).Select(s => (1 - limit * s / steps) * (_counts.Outside - 1))];
        // Order statistics on both sides of each quantile, counted from the highest score.
        float[] below = ScoresAt(quantiles.Select(q => _counts.Outside - 1 - (long)q));
        float[] above = ScoresAt(quantiles.Select(q => Math.Max(0, _counts.Outside - 2 - (long)q)));
        double area = 0, rate = 0, share = 0, lastRate = 0, lastShare = 0;
        using var points = MeanShare(_regions).GetEnumerator();
        bool more = points.MoveNext();
        for (int s = 0; s <= steps; s++)
        {
            double threshold = below[s] + ((double)above[s] - below[s]) * (quantiles[s] - Math.Floor(quantiles[s]));
            for (; more && points.Current.Step.Threshold >= threshold; more = points.MoveNext())
                (rate, share) = (points.Current.Step.Outside / (double)_counts.Outside, points.Current.Share);
            if (rate > limit + 1e-9) break;
            if (s > 0) area += (rate - lastRate) * 0.5 * (share + lastShare);
            (lastRate, lastShare) = (rate, share);
        }
        return area / limit;
    }

    /// <summary>At each score as threshold: the share of pixels outside defects that reach it, and the mean over true regions (8
    /// neighbours) of the share that is found; thinned for drawing. All regions have the same weight, independent of their size.</summary>
    public IReadOnlyList<(double FalsePositiveRate, double Overlap)> OverlapCurve(double limit, int most = 400)
    {
        var curve = new List<(double FalsePositiveRate, double Overlap)> { (0, 0) };
        if (_regions.Count == 0 || _counts.Outside == 0) return curve;
        foreach (var point in Overlap().TakeWhile(p => p.Rate <= limit))
        {
            if (point.Rate > curve[^1].FalsePositiveRate + limit / most || point.Overlap > curve[^1].Overlap + 1.0 / most) curve.Add(point);
        }
        return curve;
    }

    /// <summary>
    /// AUPIMO: the mean over images with a defect of the share of the defect found, integrated over the logarithm of the false-positive
    /// rate on the pixels of normal images. At each rate, the lowest threshold that does not exceed it counts, without interpolation. NaN
    /// without defects or without normal images.
    /// </summary>
    public double PerImageOverlapArea(double low = PimoLow, double high = PimoHigh)
    {
        if (_defects.Count == 0 || _counts.OnNormals == 0) return double.NaN;
        double area = 0, lastRate = 0, lastOverlap = 0;
        foreach (var (step, overlap) in MeanShare(_defects))
        {
            double rate = step.OnNormals / (double)_counts.OnNormals;
            double from = Math.Max(lastRate, low), to = Math.Min(rate, high);
            if (to > from) area += lastOverlap * Math.Log(to / from);
            if (rate > high) break;
            (lastRate, lastOverlap) = (rate, overlap);
        }
        return area / Math.Log(high / low);
    }

    /// <summary>Scores outside defects by their position from the highest one; positions ascend.</summary>
    private float[] ScoresAt(IEnumerable<long> positions)
    {
        using var steps = _counts.Steps().GetEnumerator();
        return [.. positions.Select(position =>
        {
            while (steps.Current.Outside <= position) steps.MoveNext();
            return steps.Current.Threshold;
        })];
    }

    private IEnumerable<(double Rate, double Overlap)> Overlap()
        => MeanShare(_regions).Select(p => (p.Step.Outside / (double)_counts.Outside, p.Share));

    /// <summary>At each threshold, the mean over groups of pixels of the share that reaches it.</summary>
    private IEnumerable<(PixelStep Step, double Share)> MeanShare(List<float[]> groups)
    {
        float[] scores = [.. groups.SelectMany(g => g)];
        double[] weights = [.. groups.SelectMany(g => g.Select(_ => 1.0 / g.Length / groups.Count))];
        Array.Sort(scores, weights);
        double share = 0;
        int next = scores.Length - 1;
        foreach (var step in _counts.Steps())
        {
            for (; next >= 0 && scores[next] >= step.Threshold; next--) share += weights[next];
            yield return (step, share);
        }
    }
}
