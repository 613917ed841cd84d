using FsCheck;
using FsCheck.Fluent;
using SpadeCluster.Evaluation;

namespace SpadeCluster.Core.Tests.Evaluation;

public class RankedScoresTests
{
    [Fact]
    public void Areas_equal_scikit_learns_with_ties()
    {
        bool[] truth = [.. Enumerable.Range(0, 40).Select(i => i * 5 % 3 == 0)];
        float[] scores = [.. Enumerable.Range(0, 40).Select(i => i * 37 % 11 + (truth[i] ? 2f : 0))];
        var ranked = new RankedScores(scores, truth);
        Assert.Equal(0.5673076923076923, ranked.RocArea(), 12);
        Assert.Equal(0.4830264614793872, ranked.AveragePrecision(), 12);
    }

    [Fact]
    public void The_roc_area_is_the_chance_that_a_positive_outranks_a_negative()
        => Prop.ForAll<(byte Score, bool Positive)[]>(items =>
        {
            var ranked = new RankedScores([.. items.Select(i => (float)(i.Score % 7))], [.. items.Select(i => i.Positive)]);
            var (p, n) = (items.Where(i => i.Positive).ToList(), items.Where(i => !i.Positive).ToList());
            if (p.Count == 0 || n.Count == 0) return double.IsNaN(ranked.RocArea());
            double wins = p.Sum(a => n.Sum(b => a.Score % 7 > b.Score % 7 ? 1 : a.Score % 7 == b.Score % 7 ? 0.5 : 0));
            return Math.Abs(ranked.RocArea() - wins / (p.Count * n.Count)) < 1e-12;
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void The_best_F1_and_its_threshold()
    {
        var ranked = new RankedScores([9, 8, 7, 6, 5], [true, false, true, false, false]);
        var (f1, threshold) = ranked.BestF1();
        Assert.Equal(0.8, f1, 12); // at 7: 2 true, 1 false positive
        Assert.Equal(7, threshold);
    }

    [Fact]
    public void Perfect_and_reversed_rankings_have_areas_one_and_zero()
    {
        Assert.Equal(1, new RankedScores([1, 2, 3], [false, true, true]).RocArea());
        Assert.Equal(0, new RankedScores([3, 2, 1], [false, true, true]).RocArea());
    }

    [Fact]
    public void A_NaN_score_is_refused()
        => Assert.Throws<ArgumentException>(() => new RankedScores([1, float.NaN], [false, true]));
}
