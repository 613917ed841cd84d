using SpadeCluster.Evaluation;
using SpadeCluster.Scoring;

namespace SpadeCluster.Core.Tests.Evaluation;

public class KnownDefectsTests
{
    private static readonly Calibration Calibration =
        new() { Options = new(), Tau = 1, Theta = 4.5, Rate = 0.1, GateDistances = [1], Scores = [1, 2, 3, 4, 6] };

    [Theory]
    [InlineData(1, 1, 4.5, 0, 0.2)]
    [InlineData(1, 10, 6.5, 0.5, 0)]
    [InlineData(10, 1, 4.5, 0, 0.2)]
    public void The_threshold_of_least_cost_depends_on_what_a_mistake_costs(double miss, double reject, double threshold, double misses,
        double rejects)
    {
        var compared = KnownDefects.Compare(Calibration, [5, 7], miss, reject);
        var best = KnownDefects.Cheapest(compared);
        Assert.Equal((threshold, misses, rejects), (best.Threshold, best.Misses.Rate, best.FalseRejects.Rate));
        Assert.Equal(miss * misses + reject * rejects, best.Cost, 12);
        Assert.All(compared, j => Assert.True(j.Cost >= best.Cost));
        Assert.Equal(compared.Select(j => j.Threshold).Order(), compared.Select(j => j.Threshold));
    }

    [Fact]
    public void The_lowest_threshold_misses_nothing_and_the_highest_rejects_nothing()
    {
        var compared = KnownDefects.Compare(Calibration, [5, 7], 1, 1);
        Assert.Equal((0, 1), (compared[0].Misses.Rate, compared[0].FalseRejects.Rate));
        Assert.Equal((1, 0), (compared[^1].Misses.Rate, compared[^1].FalseRejects.Rate));
    }
}
