using SpadeCluster.Scoring;

namespace SpadeCluster.Core.Tests.Scoring;

public class ConformalQuantileTests
{
    [Theory]
    [InlineData(99, 0.01, 99, 0.01)]   // ceil(100 * 0.99) = 99
    [InlineData(199, 0.01, 198, 0.01)] // ceil(200 * 0.99) = 198
    [InlineData(98, 0.01, 98, 1.0 / 99)]
    [InlineData(19, 0.1, 18, 0.1)]
    [InlineData(1, 0.5, 1, 0.5)]
    public void Takes_the_ranked_score(int n, double alpha, int rank, double rate)
    {
        double[] scores = [.. Enumerable.Range(1, n).Select(i => (double)i)];
        var (threshold, promised) = ConformalQuantile.Of(scores, alpha);
        Assert.Equal(rank, threshold);
        Assert.Equal(rate, promised, 12);
    }
}
