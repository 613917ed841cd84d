using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Scoring;
using SpadeCluster.Server.Decisions;
using SpadeCluster.Server.Notices;

namespace SpadeCluster.Server.Tests.Notices;

public sealed class NoticeRulesTests
{
    private const double Theta = 1.4;

    [Fact]
    public void All_is_well_where_nothing_has_changed()
    {
        var random = new Random(1);
        Assert.Empty(NoticeRules.Of(Facts(passed: [.. Scores(random, 80).Where(s => s <= Theta)],
            verdicts: [.. Enumerable.Range(0, 1100).Select(i => i % 20 == 0)])));
    }

    [Fact]
    public void Without_thresholds_that_is_the_only_notice()
        => Assert.Equal(NoticeCode.NoThresholds, Assert.Single(NoticeRules.Of(Facts() with { Scoring = null })).Code);

    [Fact]
    public void A_reported_miss_is_told_until_the_threshold_catches_it()
    {
        var notice = Single(NoticeCode.MissedDefects, Facts(missed: [new(9, 1.1, FeedbackKind.Defect), new(7, 1.2, FeedbackKind.Defect)]));
        Assert.Contains("2 defects that passed as good were reported", notice.Sentence, StringComparison.Ordinal);
        Assert.Contains("decisions 9, 7", notice.Sentence, StringComparison.Ordinal);
        Assert.Empty(NoticeRules.Of(Facts(missed: [new(9, 1.5, FeedbackKind.Defect)])));
        // A part to be reviewed no longer passes as good.
        Assert.Empty(NoticeRules.Of(Facts(Known() with { Review = 1.05 }, missed: [new(9, 1.1, FeedbackKind.Defect)])));
    }

    [Theory, InlineData(1.3, "higher", "good, add"), InlineData(0.75, "lower", "hides defects")]
    public void Scores_that_drift_are_told_with_their_direction(double factor, string direction, string advice)
    {
        double[] drifted = [.. Scores(new Random(2), 200).Select(s => s * factor).Where(s => s <= Theta)];
        var notice = Single(NoticeCode.ScoreDrift, Facts(passed: drifted));
        Assert.Contains($"score {direction} than", notice.Sentence, StringComparison.Ordinal);
        Assert.Contains(advice, notice.Next, StringComparison.Ordinal);
        Single(NoticeCode.ScoreDrift, Facts(passed: drifted[..ScoreDrift.MaxParts]));
        // One normal fewer than the test needs: only their number is told.
        double[] few = [.. Scores(new Random(3), ScoreDrift.LeastNormals).Select(s => Math.Min(s, Theta)).Order()];
        Assert.Contains(NoticeRules.Of(Facts(Known(few), passed: [.. drifted.Select(_ => 9 * factor - 8)])), Drifts);
        Assert.DoesNotContain(NoticeRules.Of(Facts(Known(few[1..]), passed: [.. drifted.Select(_ => 9 * factor - 8)])), Drifts);
        // One part fewer than the test needs.
        Assert.Empty(NoticeRules.Of(Facts(passed: drifted[..(ScoreDrift.MaxParts - 1)])));
    }

    [Theory, InlineData(0.25), InlineData(0)]
    public void A_defect_rate_out_of_its_band_is_told(double rate)
    {
        bool[] recent = [.. Enumerable.Range(0, 100).Select(i => i < 100 * rate)],
            before = [.. Enumerable.Range(0, 1000).Select(i => i % 10 == 0)];
        Assert.Contains("1000 before 10 %", Single(NoticeCode.DefectRate, Facts(verdicts: [.. recent, .. before])).Sentence,
            StringComparison.Ordinal);
        Assert.Empty(NoticeRules.Of(Facts(verdicts: [.. recent, .. before[..99]])));
        Single(NoticeCode.DefectRate, Facts(verdicts: [.. new bool[100], .. Enumerable.Repeat(true, 100)]));
    }

    [Fact]
    public void Suspects_and_feedback_that_wait_are_counted()
    {
        Assert.Contains("1 normal lies", Single(NoticeCode.SuspectsWaiting, Facts() with { Suspects = 1 }).Sentence,
            StringComparison.Ordinal);
        Assert.Contains("3 parts", Single(NoticeCode.FeedbackWaiting, Facts() with { Waiting = 3 }).Sentence, StringComparison.Ordinal);
    }

    [Fact]
    public void Deliveries_that_wait_or_failed_are_told_also_without_thresholds()
    {
        var since = new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
        var facts = Facts() with { Undelivered = [new("mes", 2, 1, since), new("plant", 0, 3, null)] };
        const string Sentence = "Deliveries: for 'mes' 2 decisions wait since 2026-01-02 03:04:05Z and 1 decision could not be delivered; "
            + "for 'plant' 3 decisions could not be delivered.";
        Assert.Equal(Sentence, Single(NoticeCode.Undelivered, facts).Sentence);
        Assert.Equal(Sentence, NoticeRules.Of(facts with { Scoring = null }).Single(n => n.Code == NoticeCode.Undelivered).Sentence);
    }

    [Fact]
    public void Too_few_normals_for_the_rate_say_how_many_are_missing()
    {
        var calibration = Known() with { Options = ScoringOptions.Default with { Alpha = 0.01 }, Rate = 1 / 41.0 };
        Assert.Contains("Add 59 photographs", Single(NoticeCode.TooFewNormals, Facts(calibration)).Next, StringComparison.Ordinal);
        // Nine normals suffice for one in ten.
        double[] nine = [.. Scores(new Random(3), 9).Order()];
        Assert.Empty(NoticeRules.Of(Facts(Known(nine))));
        Assert.Contains("Add 1 photograph ", Single(NoticeCode.TooFewNormals, Facts(Known(nine[1..]))).Next, StringComparison.Ordinal);
    }

    /// <summary>New normals, new thresholds and a new stream each time, all from one distribution.</summary>
    [Theory, InlineData(10, false), InlineData(10, true), InlineData(30, false), InlineData(30, true), InlineData(100, false)]
    public void A_drift_is_a_false_alarm_in_one_of_a_thousand_exchangeable_streams(int normals, bool heavy)
    {
        const int Streams = 10_000;
        var random = new Random(normals + (heavy ? 1 : 0));
        int alarms = 0;
        for (int i = 0; i < Streams; i++)
        {
            double[] scores = [.. Scores(random, normals, heavy).Order()];
            double theta = ThresholdEstimate.Of(ThresholdRule.Robust, scores, 0.1);
            var facts = Facts(Known(scores) with { Theta = theta },
                passed: [.. Endless(random, heavy).Where(s => s <= theta).Take(ScoreDrift.MaxParts)]);
            if (NoticeRules.Of(facts).Any(n => n.Code == NoticeCode.ScoreDrift)) alarms++;
        }
        // 10 are expected; 20 or more have a probability of 0.003.
        Assert.InRange(alarms, 0, 20);
    }

    [Fact]
    public void A_defect_rate_is_a_false_alarm_in_at_most_one_of_a_thousand_streams()
    {
        var random = new Random(5);
        int alarms = 0;
        for (int i = 0; i < 10_000; i++)
        {
            double rate = 0.3 * random.NextDouble();
            var facts = Facts(verdicts: [.. Enumerable.Range(0, 300).Select(_ => random.NextDouble() < rate)]);
            if (NoticeRules.Of(facts).Any(n => n.Code == NoticeCode.DefectRate)) alarms++;
        }
        Assert.InRange(alarms, 0, 20);
    }

    [Fact]
    public void The_rank_sum_is_that_of_the_textbook()
    {
        // Ranks of the recent: 4, 5, 6 of 6: 15, expected 10.5, variance 5.25.
        Assert.Equal((4.5 - 0.5) / Math.Sqrt(5.25), RankSumTest.Deviations([1, 2, 3], [4, 5, 6]), 12);
        Assert.Equal(0, RankSumTest.Deviations([2, 2, 2], [2, 2]));
        // Ties: ranks 1, 3, 3, 3, 5; the recent have 3 and 5 of an expected 6; variance 3 * (1 - 24/120) = 2.4.
        Assert.Equal(1.5 / Math.Sqrt(2.4), RankSumTest.Deviations([1, 2, 2], [2, 3]), 12);
    }

    [Fact]
    public void The_exact_test_is_that_of_the_textbook()
    {
        // The lady tasting tea: 3 of 4 against 1 of 4 has the tail 17/70.
        Assert.Equal(2 * 17 / 70.0, ExactTest.Probability(3, 4, 1, 4), 12);
        Assert.Equal(1, ExactTest.Probability(2, 4, 2, 4), 12);
    }

    private static bool Drifts(Notice notice) => notice.Code == NoticeCode.ScoreDrift;

    private static Notice Single(NoticeCode code, CategoryFacts facts)
    {
        var notice = Assert.Single(NoticeRules.Of(facts));
        Assert.Equal(code, notice.Code);
        return notice;
    }

    private static CategoryFacts Facts(Calibration? calibration = null, IReadOnlyList<double>? passed = null,
        IReadOnlyList<bool>? verdicts = null, IReadOnlyList<LoggedScore>? missed = null)
        => new("parts", new GalleryManifest
        {
            Category = "parts",
            Version = 2,
            CreatedAt = default,
            CreatedBy = "",
            Reason = "",
            Model = new FeatureModel("m", new string('a', 64), 8, 8, [new(4, 4, 6)], 12, false),
            Preprocessing = "",
            Images = [],
            Calibration = calibration ?? Known()
        }, passed ?? [], verdicts ?? [], missed ?? [], 0, 0);

    private static Calibration Known(double[]? scores = null) => new()
    {
        Options = ScoringOptions.Default,
        Tau = 1,
        Theta = Theta,
        Rate = 0.1,
        GateDistances = [1],
        Scores = scores ?? [.. Scores(new Random(3), 40).Order()]
    };

    private static IEnumerable<double> Scores(Random random, int count, bool heavy = false) => Endless(random, heavy).Take(count);

    /// <summary>Log-normal, or log-t with four degrees of freedom; the standard deviation of the normal is 0.25.</summary>
    private static IEnumerable<double> Endless(Random random, bool heavy)
    {
        while (true)
        {
            double x = Normal();
            if (heavy) x /= Math.Sqrt((Square(Normal()) + Square(Normal()) + Square(Normal()) + Square(Normal())) / 4);
            yield return Math.Exp(0.25 * x);
        }

        double Normal() => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());

        static double Square(double v) => v * v;
    }
}
