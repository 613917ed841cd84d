using SpadeCluster.Scoring;

namespace SpadeCluster.Server.Notices;

/// <summary>Whether the scores of parts that passed have moved away from those of the normals (<see cref="RankSumTest"/>).</summary>
/// <param name="Parts">Parts that passed and were compared, the newest.</param>
/// <param name="Normals">Normals below theta.</param>
/// <param name="Deviations">By how many standard deviations the parts rank above the normals; negative: below. Null: there are too few of
/// either to compare.</param>
public sealed record ScoreDrift(int Parts, int Normals, double? Deviations)
{
    /// <summary>Number of parts whose scores are compared with those of the normals.</summary>
    public const int MaxParts = 50;

    /// <summary>With fewer normals no comparison is made.</summary>
    public const int LeastNormals = 8;

    /// <summary>Standard deviations of the rank sum that count as a drift: two-sided, a probability of 0.001.</summary>
    public const double Limit = 3.2905;

    /// <summary>Whether the scores have moved.</summary>
    public bool Drifted => Deviations is { } d && Math.Abs(d) >= Limit;

    /// <param name="passed">Raw scores of parts that passed, newest first.</param>
    public static ScoreDrift Of(Calibration calibration, IReadOnlyList<double> passed)
    {
        // Both without defects: parts that passed are compared with normals that would pass.
        double[] normals = [.. calibration.Scores.Where(s => s <= calibration.Theta)];
        double[] parts = [.. passed.Take(MaxParts)];
        return new ScoreDrift(parts.Length, normals.Length,
            normals.Length < LeastNormals || parts.Length < MaxParts ? null : RankSumTest.Deviations(normals, parts));
    }
}
