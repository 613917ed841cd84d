using System.Text.Json.Serialization;
using SpadeCluster.Galleries;

namespace SpadeCluster.Scoring;

/// <summary>
/// Thresholds learnt from normals only. Each normal was scored against the others (leave one out); tau and theta are the
/// conformal quantiles of those scores, which bound the false-reject rate by <see cref="Rate"/> for exchangeable images.
/// </summary>
public sealed record Calibration
{
    public required ScoringOptions Options { get; init; }

    /// <summary>Gate threshold, in squared pooled distance.</summary>
    public required double Tau { get; init; }

    /// <summary>Map and score threshold, in squared pixel distance.</summary>
    public required double Theta { get; init; }

    /// <summary>The false-reject rate that holds: Options.Alpha, or 1/(n+1) where n normals are too few for it.</summary>
    public required double Rate { get; init; }

    /// <summary>Gate distance of each normal against the others, ascending.</summary>
    public required IReadOnlyList<double> GateDistances { get; init; }

    /// <summary>Score of each normal against the others, ascending.</summary>
    public required IReadOnlyList<double> Scores { get; init; }

    /// <summary>The normals with the highest scores, highest first: told by the calibration itself, not kept with it.</summary>
    [JsonIgnore]
    public IReadOnlyList<NormalScore> Highest { get; init; } = [];

    /// <summary>Scales so that the threshold is 0.5 and the normals' median 0; clipped to 0..1.</summary>
    public double Normalise(double score) => Normalise(score, Theta, Scores);

    /// <summary>The gate distance on the same scale, by its own threshold and normals.</summary>
    public double NormaliseGate(double distance) => Normalise(distance, Tau, GateDistances);

    private static double Normalise(double value, double threshold, IReadOnlyList<double> normals)
    {
        double median = normals[normals.Count / 2];
        // Identical normals leave no spread to scale by; a thousandth of the threshold keeps the order.
        double spread = Math.Max(threshold - median, Math.Max(Math.Abs(threshold) * 1e-3, 1e-12));
        return Math.Clamp(0.5 + 0.5 * (value - threshold) / spread, 0, 1);
    }
}

/// <summary>A normal's score against the others.</summary>
public readonly record struct NormalScore(GalleryImage Image, double Score);
