using SpadeCluster.Core.Tests.Galleries;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Scoring;

namespace SpadeCluster.Core.Tests.Scoring;

public class CalibratorTests
{
    /// <summary>
    /// 200 exchangeable draws: a gallery of normals and one more normal. At alpha = 0.1 the number rejected is at most
    /// Binomial(200, 0.1): more than 31 has probability 0.7 %. At least 6 shows that the threshold is not too high (fewer
    /// has probability 0.01 %, at the rate that n = 29 aims for, 0.1).
    /// </summary>
    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public async Task The_conformal_threshold_keeps_its_promise(bool weighted, bool normalised)
    {
        const int Draws = 200, Normals = 29;
        var model = SyntheticGallery.Model with { WeightChannels = weighted };
        var options = new ScoringOptions { Alpha = 0.1, Sigma = 1, Normalised = normalised };
        int byScore = 0, byGate = 0;
        for (int draw = 0; draw < Draws; draw++)
        {
            var random = new Random(1000 + draw);
            var (store, manifest) = await SyntheticGallery.BuildAsync(random, Normals, model);
            var gallery = await OpenGallery.LoadAsync(store, manifest, threads: 1);
            var calibration = await Calibrator.RunAsync(store, gallery, options);
            var (id, features) = SyntheticGallery.Image(random, model);
            var result = await gallery.Coordinator.ScoreAsync(new QueryImage(id, features.Pooled, FeaturePyramid.From(features)), options,
                calibration);
            if (result.Anomalous == true) byScore++;
            if (result.Flagged == true) byGate++;
        }
        Assert.InRange(byScore, 6, 31);
        Assert.InRange(byGate, 6, 31);
    }

    [Fact]
    public async Task The_normals_of_highest_score_are_told_by_name()
    {
        var (store, manifest) = await SyntheticGallery.BuildAsync(new Random(5), 8);
        using var gallery = await OpenGallery.LoadAsync(store, manifest, threads: 1);
        var options = new ScoringOptions { Sigma = 1 };
        var calibration = await Calibrator.RunAsync(store, gallery, options);
        Assert.Equal(calibration.Scores.Reverse().Take(3), calibration.Highest.Select(h => h.Score));
        foreach (var (image, score) in calibration.Highest)
        {
            var query = new QueryImage(image, (await store.ReadFeaturesAsync(manifest.Category, image, manifest.Model)).Pooled,
                await store.ReadPyramidAsync(manifest.Category, image, manifest.Model));
            Assert.Equal(score, (await gallery.Coordinator.ScoreAsync(query, options, null, exclude: image)).Map!.Score);
        }
    }

    [Fact]
    public async Task Too_few_normals_give_the_tightest_rate_they_allow()
    {
        var (store, manifest) = await SyntheticGallery.BuildAsync(new Random(4), 9);
        var calibration = await Calibrator.RunAsync(store, await OpenGallery.LoadAsync(store, manifest),
            new ScoringOptions { Alpha = 0.01 });
        Assert.Equal(0.1, calibration.Rate, 12);
        Assert.Equal(calibration.Scores.Max(), calibration.Theta);
        Assert.Equal(calibration.GateDistances.Max(), calibration.Tau);
        Assert.Equal(0.5, calibration.Normalise(calibration.Theta));
        Assert.Equal(0, calibration.Normalise(calibration.Scores[4]));
        Assert.Equal(1, calibration.Normalise(calibration.Theta * 100));
    }

    [Fact]
    public async Task One_image_cannot_be_calibrated()
    {
        var (store, manifest) = await SyntheticGallery.BuildAsync(new Random(4), 1);
        var e = await Assert.ThrowsAsync<SpadeException>(async () =>
            await Calibrator.RunAsync(store, await OpenGallery.LoadAsync(store, manifest), new ScoringOptions { GateNeighbours = 1 }));
        Assert.Equal(SpadeError.FailedPrecondition, e.Error);
    }
}
