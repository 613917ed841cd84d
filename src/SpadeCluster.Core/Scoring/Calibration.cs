using System.Text.Json.Serialization;
using SpadeCluster.Galleries;

namespace SpadeCluster.Scoring;

/// <summary>
/// Thresholds learned from normals only. Each normal was scored against the others (leave one out); tau and theta are estimated from those
/// scores by <see cref="ScoringOptions.Threshold"/>. The conformal quantile's promise is kept with them.
/// </summary>
public sealed record Calibration
{
    public required ScoringOptions Options { get; init; }

    /// <summary>Gate threshold, in squared pooled distance.</summary>
    public required double Tau { get; init; }

    /// <summary>Score above which an image is a defect: a squared pixel distance, or a multiple of the usual distance.</summary>
    public required double Theta { get; init; }

    /// <summary>Score above which an image is to be reviewed; null: there is no review.</summary>
    public double? Review { get; init; }

    /// <summary>Factor that brings a map of relative distances to the scale of the scores, so that theta holds for both.</summary>
    public double MapScale { get; init; } = 1;

    /// <summary>The false-reject rate that <see cref="PromisedTheta"/> promises: Options.Alpha, or 1/(n+1) where n normals are too few for
    /// it.</summary>
    public required double Rate { get; init; }

    /// <summary>Gate distance of each normal against the others, ascending.</summary>
    public required IReadOnlyList<double> GateDistances { get; init; }

    /// <summary>Score of each normal against the others, ascending.</summary>
    public required IReadOnlyList<double> Scores { get; init; }

    /// <summary>Normals far outside the others, highest first. Unless accepted, they are left out of the estimated thresholds.</summary>
    public IReadOnlyList<Suspect> Suspects { get; init; } = [];

    /// <summary>The usual distances of the normals; null: distances are not divided by any.</summary>
    public UsualDistances? Usual { get; init; }

    /// <summary>The few normals with the highest scores, highest first.</summary>
    public IReadOnlyList<NormalScore> Highest { get; init; } = [];

    /// <summary>The conformal quantile of all scores: a further normal exceeds it with probability at most <see cref="Rate"/>, if
    /// it is like these (exchangeable).</summary>
    [JsonIgnore]
    public double PromisedTheta => ConformalQuantile.Of(Scores, Options.Alpha).Threshold;

    /// <summary>The rate at which theta rejects normals, estimated from those that count.</summary>
    [JsonIgnore]
    public RateInterval EstimatedRate => Estimate(Theta);

    /// <summary>The rate at which a threshold is exceeded by normals, estimated from those that count.</summary>
    public RateInterval Estimate(double threshold)
    {
        var counted = Counted();
        return RateInterval.Of(counted.Count(s => s > threshold), counted.Count);
    }

    /// <summary>The same scores with new thresholds, after images were accepted.</summary>
    /// <param name="accepted">Images that an engineer accepted as good.</param>
    public Calibration Accept(IReadOnlySet<ImageId> accepted)
        => (this with { Suspects = [.. Suspects.Select(s => s with { Accepted = s.Accepted || accepted.Contains(s.Image) })] })
        .WithThresholds();

    /// <summary>The same with theta and the review threshold by the options, from the scores that count.</summary>
    internal Calibration WithThresholds()
    {
        // The conformal promise holds for all normals or for none.
        var scores = Options.Threshold == ThresholdRule.Conformal ? Scores : Counted();
        double theta = Options.Theta ?? ThresholdEstimate.Of(Options.Threshold, scores, Options.Alpha);
        double? review = Options.ReviewRate is { } rate && rate > Options.Alpha
            ? Math.Min(theta, ThresholdEstimate.Of(Options.Threshold, scores, rate)) : null;
        return this with { Theta = theta, Review = review };
    }

    /// <summary>Scales a score so that the threshold is 0.5 and the normals' median 0; clipped to 0..1.</summary>
    public double Normalise(double score) => Normalise(score, Theta, Scores);

    /// <summary>The gate distance on the same scale, by its own threshold and normals.</summary>
    public double NormaliseGate(double distance) => Normalise(distance, Tau, GateDistances);

    private List<double> Counted()
    {
        var counted = new List<double>(Scores);
        foreach (var suspect in Suspects)
            if (!suspect.Accepted) counted.Remove(suspect.Score);
        return counted;
    }

    private static double Normalise(double value, double threshold, IReadOnlyList<double> normals)
    {
        double median = normals[normals.Count / 2];
        // Identical normals leave no spread to scale by; a thousandth of the threshold keeps the order.
        double spread = Math.Max(threshold - median, Math.Max(Math.Abs(threshold) * 1e-3, 1e-12));
        return Math.Clamp(0.5 + 0.5 * (value - threshold) / spread, 0, 1);
    }
}

/// <summary>A normal's score against the others.</summary>
public readonly record struct NormalScore(ImageId Image, double Score);
