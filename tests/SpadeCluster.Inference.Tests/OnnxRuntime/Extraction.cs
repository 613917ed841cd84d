using SpadeCluster.Features;

namespace SpadeCluster.Inference.OnnxRuntime.Tests;

internal static class Extraction
{
    public static async Task<ImageFeatures> Of(IFeatureExtractor extractor, RgbImage image)
    {
        var features = new ImageFeatures(extractor.Model);
        await extractor.ExtractAsync([image], [features]);
        return features;
    }

    public static void AssertSameBits(ImageFeatures a, ImageFeatures b)
    {
        Assert.Equal(a.Pooled, b.Pooled);
        for (int i = 0; i < a.Levels.Count; i++) Assert.Equal(a.Levels[i], b.Levels[i]);
    }
}
