using SpadeCluster.Features;
using SpadeCluster.Galleries;

namespace SpadeCluster.Core.Tests.Galleries;

public class FeatureWeightsTests
{
    private static readonly FeatureModel Model = new("colour", new string('c', 64), 16, 16, [new(4, 4, 4)], 3, WeightChannels: true);

    [Fact]
    public void A_weight_is_one_over_the_number_of_channels_times_the_variance()
    {
        var random = new Random(3);
        var images = Enumerable.Range(0, 20).Select(_ => Image(random, [1, 2, 1.5, 1])).ToList();
        var weights = FeatureWeights.From(Model, [.. images.Select(i => i.Stored)]);
        for (int c = 0; c < 4; c++)
        {
            double[] values = [.. images.SelectMany(i => Enumerable.Range(0, 16).Select(p => (double)i.Pyramid.Level(0)[4 * p + c]))];
            double mean = values.Average(), variance = values.Average(v => (v - mean) * (v - mean));
            Assert.Equal(1 / (4 * variance), weights.Levels[0][c], 1e-4 / variance);
        }
    }

    /// <summary>
    /// On grey parts the colour channel (the last) is almost constant. Without the floor a coloured part would be a million
    /// times farther than any structural defect; with it, a unit of colour counts about 28 times a unit of the rest.
    /// </summary>
    [Fact]
    public void A_channel_that_is_constant_over_the_normals_does_not_drown_the_others()
    {
        var random = new Random(4);
        var weights = FeatureWeights.From(Model, [.. Enumerable.Range(0, 20).Select(_ => Image(random, [1, 1, 1, 1e-4]).Stored)]);
        float[] w = weights.Levels[0];
        double average = 3.0 / 4; // mean sigma, in units of the first three channels' own
        Assert.InRange(w[3] / w[0], 0.9 / Math.Pow(FeatureWeights.FloorShare * average, 2),
            1.1 / Math.Pow(FeatureWeights.FloorShare * average, 2));
    }

    [Fact]
    public void Identical_normals_weigh_every_channel_alike()
    {
        var one = Image(new Random(5), [0, 0, 0, 0]).Stored;
        var weights = FeatureWeights.From(Model, [one, one]);
        Assert.Equal([0.25f, 0.25f, 0.25f, 0.25f], weights.Levels[0]);
        Assert.All(weights.Pooled, w => Assert.Equal(1f / 3, w));
    }

    private static (StoredFeatures Stored, FeaturePyramid Pyramid) Image(Random random, double[] spread)
    {
        var features = new ImageFeatures(Model);
        for (int i = 0; i < features.Levels[0].Length; i++)
            features.Levels[0][i] = (float)(1 + spread[i % 4] * (random.NextDouble() - 0.5));
        for (int i = 0; i < features.Pooled.Length; i++) features.Pooled[i] = (float)(spread[0] * random.NextDouble());
        var pyramid = FeaturePyramid.From(features);
        return (StoredFeatures.From(features.Pooled, pyramid), pyramid);
    }
}
