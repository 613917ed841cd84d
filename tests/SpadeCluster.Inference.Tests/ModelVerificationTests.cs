using SpadeCluster.Inference.BuiltIn;
using SpadeCluster.Inference.OnnxRuntime;

namespace SpadeCluster.Inference.Tests;

public class ModelVerificationTests
{
    [Fact]
    public async Task It_passes_a_sound_model_and_catches_a_dead_one()
    {
        using var extractor = new OnnxRuntimeExtractor(OrientedEnergy.Open());
        var ranges = await ModelVerification.RunAsync(extractor, images: 2);
        Assert.Equal(["level 1", "level 2", "level 3", "pooled"], ranges.Select(r => r.Name));
        Assert.All(ranges, r => Assert.True(r.Smallest < r.Mean && r.Mean < r.Largest));

        using var dead = new OnnxRuntimeExtractor(SmallModels.Of(g => g.Node("Mul", "level", ["image", g.Scalar(0)])));
        var error = await Assert.ThrowsAsync<SpadeException>(() => ModelVerification.RunAsync(dead, images: 2));
        Assert.Contains("same for different images", error.Message);
    }
}
