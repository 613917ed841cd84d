using SpadeCluster.Scoring;

namespace SpadeCluster.Core.Tests.Scoring;

public class ThresholdEstimateTests
{
    [Theory]
    [InlineData(ThresholdRule.Robust)]
    [InlineData(ThresholdRule.Tail)]
    [InlineData(ThresholdRule.Conformal)]
    public void Clean_normals_exceed_it_at_about_the_rate_aimed_at(ThresholdRule rule)
    {
        const double Alpha = 0.1;
        var random = new Random(1);
        double exceeded = 0;
        for (int draw = 0; draw < 200; draw++)
        {
            double theta = ThresholdEstimate.Of(rule, Draw(random, 100), Alpha);
            exceeded += 1 - Phi(Math.Log(theta) / 0.2);
        }
        Assert.InRange(exceeded / 200, 0.08, 0.125);
    }

    [Fact]
    public void One_odd_normal_moves_the_robust_threshold_little_and_the_conformal_one_without_limit()
    {
        double[] clean = Draw(new Random(2), 31);
        double[] odd = [.. clean[..30], 1000];
        double before = ThresholdEstimate.Of(ThresholdRule.Robust, clean, 0.01),
            after = ThresholdEstimate.Of(ThresholdRule.Robust, odd, 0.01);
        Assert.InRange(after / before, 1, 1.2);
        Assert.Equal(1000, ThresholdEstimate.Of(ThresholdRule.Conformal, odd, 0.01));
        Assert.True(odd[^1] > ThresholdEstimate.SuspectLimit(odd));
        Assert.True(clean[^1] <= ThresholdEstimate.SuspectLimit(clean));
    }

    [Theory]
    [InlineData(ThresholdRule.Robust)]
    [InlineData(ThresholdRule.Tail)]
    public void Copies_of_one_photograph_and_two_normals_give_a_threshold_above_their_median(ThresholdRule rule)
    {
        foreach (double[] scores in new double[][] { [0, 0, 0, 0, 0, 0], [3, 3, 3, 3], [1, 2], [0, 0, 0, 5] })
        {
            double theta = ThresholdEstimate.Of(rule, scores, 0.1);
            Assert.True(double.IsFinite(theta) && theta >= scores[(scores.Length - 1) / 2], $"{theta} of {string.Join(' ', scores)}");
        }
    }

    /// <summary>Values of R's qnorm.</summary>
    [Theory]
    [InlineData(0.5, 0)]
    [InlineData(0.9, 1.2815515655446004)]
    [InlineData(0.99, 2.3263478740408408)]
    [InlineData(0.01, -2.3263478740408408)]
    [InlineData(0.999999, 4.753424308822899)]
    public void Normal_quantiles_are_right(double p, double expected) => Assert.Equal(expected, NormalQuantile.Of(p), 7);

    /// <summary>Values of R's binom::binom.wilson.</summary>
    [Theory]
    [InlineData(0, 31, 0, 0.1103)]
    [InlineData(2, 40, 0.0138, 0.1650)]
    [InlineData(40, 40, 0.9124, 1)]
    public void Intervals_are_right(int events, int trials, double low, double high)
    {
        var interval = RateInterval.Of(events, trials);
        Assert.Equal((low, high), (Math.Round(interval.Low, 4), Math.Round(interval.High, 4)));
    }

    /// <summary>exp(0.2 z), ascending.</summary>
    private static double[] Draw(Random random, int n)
        => [.. Enumerable.Range(0, n)
            .Select(_ => Math.Exp(0.2 * Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble())))
            .Order()];

    private static double Phi(double z)
    {
        // By numerical integration: nothing in .NET has it, and the test must not use the code under test.
        double sum = 0;
        const double Step = 1e-3;
        for (double x = -8; x < z; x += Step) sum += Math.Exp(-0.5 * (x + Step / 2) * (x + Step / 2));
        return sum * Step / Math.Sqrt(2 * Math.PI);
    }
}
