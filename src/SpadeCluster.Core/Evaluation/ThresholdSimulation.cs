using SpadeCluster.Scoring;

namespace SpadeCluster.Evaluation;

/// <summary>One row of the simulation: means over its draws.</summary>
/// <param name="Normals">Normals from which a threshold is learned.</param>
/// <param name="Tails">"light": log-normal scores; "heavy": log scores of Student's t with 3 degrees of freedom.</param>
/// <param name="Contaminated">Share of the normals that are in fact defects.</param>
/// <param name="Misses">Share of defects below the threshold.</param>
/// <param name="FalseRejects">Share of normals above it.</param>
public sealed record ThresholdSimulationRow(int Normals, string Tails, double Contaminated, ThresholdRule Rule, double Misses,
    double FalseRejects)
{
    public double MeanError => 0.5 * (Misses + FalseRejects);
}

/// <summary>
/// Compares the threshold rules on simulated scores, where the truth is known. A normal's log score is 0.25 Z, Z of variance 1; a defect's
/// is 0.25 (3.5 + 1.5 Z'), Z' normal: an AUROC of 0.97. Contaminated normals are drawn as defects. Suspects are left out as in <see
/// cref="Calibration"/>.
/// </summary>
public static class ThresholdSimulation
{
    private const double Spread = 0.25, DefectShift = 3.5, DefectSpread = 1.5;
    private const int Scored = 400;
    private static readonly int[] Normals = [10, 20, 50, 100, 200];
    private static readonly double[] Contamination = [0, 0.02, 0.05];

    /// <param name="draws">Galleries drawn per row, at least 1.</param>
    /// <param name="alpha">The target rate.</param>
    public static IReadOnlyList<ThresholdSimulationRow> Run(int draws, double alpha, int seed)
    {
        var rows = new List<ThresholdSimulationRow>();
        foreach (bool heavy in new[] { false, true })
        {
            foreach (double contaminated in Contamination)
            {
                foreach (int n in Normals) rows.AddRange(Draw(n, heavy, contaminated, draws, alpha, new Random(seed)));
            }
        }
        return rows;
    }

    private static IEnumerable<ThresholdSimulationRow> Draw(int n, bool heavy, double contaminated, int draws, double alpha, Random random)
    {
        var rules = Enum.GetValues<ThresholdRule>();
        var (misses, rejects) = (new double[rules.Length], new double[rules.Length]);
        for (int draw = 0; draw < draws; draw++)
        {
            double[] scores = [.. Enumerable.Range(0, n)
                .Select(_ => random.NextDouble() < contaminated ? Defect(random) : Normal(random, heavy)).Order()];
            double limit = ThresholdEstimate.SuspectLimit(scores);
            double[] counted = [.. scores.Where(s => s <= limit)];
            for (int r = 0; r < rules.Length; r++)
            {
                double theta = ThresholdEstimate.Of(rules[r], rules[r] == ThresholdRule.Conformal ? scores : counted, alpha);
                for (int i = 0; i < Scored; i++)
                {
                    if (Normal(random, heavy) > theta) rejects[r]++;
                    if (Defect(random) <= theta) misses[r]++;
                }
            }
        }
        double scored = (double)draws * Scored;
        return rules.Select((rule, r) =>
            new ThresholdSimulationRow(n, heavy ? "heavy" : "light", contaminated, rule, misses[r] / scored, rejects[r] / scored));
    }

    private static double Normal(Random random, bool heavy)
    {
        double z = Gaussian(random);
        if (!heavy) return Math.Exp(Spread * z);
        double chi = Enumerable.Range(0, 3).Sum(_ => Math.Pow(Gaussian(random), 2));
        // Student's t with 3 degrees of freedom has variance 3.
        return Math.Exp(Spread * z / Math.Sqrt(chi / 3) / Math.Sqrt(3));
    }

    private static double Defect(Random random) => Math.Exp(Spread * (DefectShift + DefectSpread * Gaussian(random)));

    private static double Gaussian(Random random) =>
        Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
}
