using SpadeCluster.Features;
using SpadeCluster.Imaging;
using SpadeCluster.Inference.BuiltIn;
using SpadeCluster.Inference.Import;
using SpadeCluster.Inference.Tests;
using SpadeCluster.Tests;

namespace SpadeCluster.Inference.OnnxRuntime.Tests;

/// <summary>Tests that need a CUDA device. Build and run with -p:Gpu=true.</summary>
public class CudaTests
{
    private static readonly OnnxRuntimeOptions Cuda0 = new() { Device = new(0) };

    [CudaFact]
    public async Task Features_are_those_of_the_CPU()
    {
        foreach (var model in new[] { OrientedEnergy.Open(), SyntheticResNet.Build(ResNetArchitecture.All[0], 1),
            SyntheticResNet.WideResNet50() })
        {
            using var cpu = new OnnxRuntimeExtractor(model);
            using var cuda = new OnnxRuntimeExtractor(model, Cuda0);
            Assert.Equal(new ExtractorHealth("CUDA", "cuda:0", model.Digest), cuda.Health);
            Assert.All(await ModelVerification.CompareAsync(cpu, cuda), error => Assert.InRange(error, 0, 1e-4));
        }
    }

    [CudaFact]
    public async Task Golden_features_of_the_published_ResNet50()
    {
        if (SharedData.Root is null) return; // CudaFact names what it skips; this data is a second condition
        using var folder = new TemporaryFolder();
        var model = ModelImport.Run("resnet50-caffe", SharedData.Path("data", "resnet50-l3", "resnet50_layers1-3.safetensors"),
            folder.In("model"));
        var golden = Npz.Read(SharedData.Path("data", "resnet50-l3", "golden_features.npz"));
        using var cuda = new OnnxRuntimeExtractor(model, Cuda0);
        var features = await Extraction.Of(cuda, ImageReader.Default.ReadFile(SharedData.Path("data", "resnet50-l3", "golden_input.png")));
        for (int level = 0; level < 3; level++)
            Assert.InRange(ModelVerification.RelativeError(features.Levels[level], golden[$"level{level + 1}"]), 0, 1e-4);
        Assert.InRange(ModelVerification.RelativeError(features.Pooled, golden["pooled"]), 0, 1e-4);
    }

    /// <summary>Padded batches: the same bits for every position of an image in a batch and for every number of images in it.</summary>
    [CudaFact]
    public async Task An_images_features_do_not_depend_on_its_batch()
    {
        using var cuda = new OnnxRuntimeExtractor(SyntheticResNet.WideResNet50(), Cuda0 with { Batch = 8 });
        RgbImage[] images = [.. Enumerable.Range(0, 11).Select(i => ModelVerification.Image(cuda.Model, i))];
        ImageFeatures[] batch = [.. images.Select(_ => new ImageFeatures(cuda.Model))];
        await cuda.ExtractAsync(images, batch);
        for (int i = 0; i < images.Length; i++) Extraction.AssertSameBits(await Extraction.Of(cuda, images[i]), batch[i]);
    }

    [CudaFact]
    public async Task Another_session_gives_the_same_bits()
    {
        var model = SyntheticResNet.WideResNet50();
        using var one = new OnnxRuntimeExtractor(model, Cuda0);
        using var two = new OnnxRuntimeExtractor(model, Cuda0);
        var image = ModelVerification.Image(one.Model, 1);
        Extraction.AssertSameBits(await Extraction.Of(one, image), await Extraction.Of(two, image));
    }

    [CudaFact]
    public async Task Float16_levels_give_the_same_pyramid()
    {
        var model = SyntheticResNet.Build(ResNetArchitecture.All[0], 1);
        using var single = new OnnxRuntimeExtractor(model, Cuda0);
        using var half = new OnnxRuntimeExtractor(model, Cuda0 with { HalfLevels = true });
        var image = ModelVerification.Image(single.Model, 1);
        var (a, b) = (FeaturePyramid.From(await Extraction.Of(single, image)), FeaturePyramid.From(await Extraction.Of(half, image)));
        for (int level = 0; level < 3; level++) Assert.True(a.LevelBytes(level).SequenceEqual(b.LevelBytes(level)));
    }

    [CudaFact]
    public void A_memory_limit_below_the_weights_is_a_clear_error()
    {
        var e = Assert.Throws<SpadeException>(()
            => new OnnxRuntimeExtractor(SyntheticResNet.WideResNet50(), Cuda0 with { GpuMemoryLimit = 64 << 20 }).Dispose());
        Assert.Equal(SpadeError.Unavailable, e.Error);
        Assert.Contains("device cuda:0 cannot be used", e.Message);
    }

    [CudaFact]
    public void A_device_that_is_not_there_is_a_clear_error() =>
        Assert.Equal(SpadeError.Unavailable,
            Assert.Throws<SpadeException>(()
            => new OnnxRuntimeExtractor(OrientedEnergy.Open(), new() { Device = new(99) }).Dispose()).Error);

    [CudaFact]
    public async Task A_failing_device_falls_back_in_the_middle_of_a_call_where_configured()
    {
        using var cuda = new OnnxRuntimeExtractor(OrientedEnergy.Open(), Cuda0 with { FallBackToCpu = true });
        using var cpu = new OnnxRuntimeExtractor(OrientedEnergy.Open());
        cuda.BeforeRun = () => throw new OutOfMemoryException("out of memory");
        var image = ModelVerification.Image(cuda.Model, 1);
        Extraction.AssertSameBits(await Extraction.Of(cpu, image), await Extraction.Of(cuda, image));
        Assert.Equal(("CPU", true), (cuda.Health.Provider, cuda.Health.IsHealthy));
        Assert.Contains("fell back to the CPU", cuda.Health.Note);
    }
}
