using SpadeCluster.Inference.BuiltIn;
using SpadeCluster.Inference.Onnx;
using SpadeCluster.Inference.OnnxRuntime;
using SpadeCluster.Inference.OnnxRuntime.Tests;

namespace SpadeCluster.Inference.Tests.BuiltIn;

public class ResNet18Tests
{
    [Fact]
    public async Task The_default_model_lies_beside_the_program_and_gives_features_of_its_shapes()
    {
        var model = BuiltInModels.Open();
        // The digest that galleries are bound to: the same on every machine.
        Assert.Equal("a8f030e340c145361f8a594f6067197643fe0d1c3fd76b3b28501e27083f930e", model.Digest);
        using var extractor = new OnnxRuntimeExtractor(model);
        Assert.Equal([new(56, 56, 64), new(28, 28, 128), new(14, 14, 256)], extractor.Model.Levels);
        Assert.Equal((512, false), (extractor.Model.PooledLength, extractor.Model.WeightChannels));
        await ModelVerification.RunAsync(extractor, images: 2);
    }

    [Fact]
    public async Task Levels_are_multiplied_by_their_scales_and_the_pooled_feature_is_not()
    {
        var model = BuiltInModels.Open();
        using var plain = new OnnxRuntimeExtractor(model);
        using var scaled = new OnnxRuntimeExtractor(
            InferenceModel.Create(model.Manifest with { LevelScales = [1, 0.5f, 3] }, model.Network, "test"));
        var image = ModelVerification.Image(plain.Model, 1);
        var (cells, products) = (await Extraction.Of(plain, image), await Extraction.Of(scaled, image));
        Assert.Equal(cells.Pooled, products.Pooled);
        foreach (var (level, scale) in new[] { (0, 1f), (1, 0.5f), (2, 3f) })
            Assert.InRange(ModelVerification.RelativeError(products.Levels[level], [.. cells.Levels[level].Select(v => scale * v)]), 0,
                1e-6);
    }

    /// <summary>Against the definition, in plain loops: each cell is the mean of the cells around it that are inside the level.</summary>
    [Theory]
    [InlineData(3)]
    [InlineData(5)]
    public async Task Levels_are_averaged_over_neighbouring_cells_and_the_pooled_feature_is_not(int size)
    {
        var model = BuiltInModels.Open();
        InferenceModel With(int aggregate) => InferenceModel.Create(model.Manifest with { Aggregate = aggregate }, model.Network, "test");
        using var plain = new OnnxRuntimeExtractor(With(1));
        using var averaged = new OnnxRuntimeExtractor(With(size));
        Assert.NotEqual(plain.Model.Digest, averaged.Model.Digest);
        var image = ModelVerification.Image(plain.Model, 1);
        var (cells, means) = (await Extraction.Of(plain, image), await Extraction.Of(averaged, image));
        Assert.Equal(cells.Pooled, means.Pooled);
        for (int level = 0; level < 3; level++)
        {
            var shape = plain.Model.Levels[level];
            var expected = new float[shape.Length];
            for (int y = 0; y < shape.Height; y++)
                for (int x = 0; x < shape.Width; x++)
                    for (int c = 0; c < shape.Channels; c++)
                    {
                        double sum = 0;
                        int count = 0;
                        for (int ny = Math.Max(0, y - (size / 2)); ny <= Math.Min(shape.Height - 1, y + (size / 2)); ny++)
                            for (int nx = Math.Max(0, x - (size / 2)); nx <= Math.Min(shape.Width - 1, x + (size / 2)); nx++, count++)
                                sum += cells.Levels[level][(((ny * shape.Width) + nx) * shape.Channels) + c];
                        expected[(((y * shape.Width) + x) * shape.Channels) + c] = (float)(sum / count);
                    }
            Assert.InRange(ModelVerification.RelativeError(means.Levels[level], expected), 0, 1e-6);
        }
    }
}
