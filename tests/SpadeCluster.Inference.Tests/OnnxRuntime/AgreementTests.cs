using SpadeCluster.Features;
using SpadeCluster.Imaging;
using SpadeCluster.Inference.BuiltIn;
using SpadeCluster.Inference.Import;
using SpadeCluster.Inference.Tests;
using SpadeCluster.Inference.Tests.Import;
using SpadeCluster.Tests;

namespace SpadeCluster.Inference.OnnxRuntime.Tests;

/// <summary>Features on the CPU against golden ones and torchvision's, and their bits for any batch and number of threads.</summary>
public class AgreementTests
{
    [SharedDataFact]
    public async Task Golden_features_of_the_published_ResNet50()
    {
        using var folder = new TemporaryFolder();
        var model = ModelImport.Run("resnet50-caffe", SharedData.Path("data", "resnet50-l3", "resnet50_layers1-3.safetensors"),
            folder.In("model"));
        var golden = Npz.Read(SharedData.Path("data", "resnet50-l3", "golden_features.npz"));
        var image = ImageReader.Default.ReadFile(SharedData.Path("data", "resnet50-l3", "golden_input.png"));
        using var extractor = new OnnxRuntimeExtractor(model);
        Assert.Equal([new(56, 56, 256), new(28, 28, 512), new(14, 14, 1024)], extractor.Model.Levels);
        var features = await Extraction.Of(extractor, image);
        for (int level = 0; level < 3; level++)
            Assert.InRange(ModelVerification.RelativeError(features.Levels[level], golden[$"level{level + 1}"]), 0, 1e-5);
        Assert.InRange(ModelVerification.RelativeError(features.Pooled, golden["pooled"]), 0, 1e-5);
        Assert.Equal(model.Digest, ModelFolder.Open(folder.In("model")).Digest);
    }

    /// <summary>The weights are seeded, the graph is the importer's, the reference is torchvision's own network.</summary>
    [TorchTheory]
    [InlineData("wide_resnet50_2")]
    [InlineData("resnet18")]
    public async Task Imported_networks_equal_torchvisions(string name)
    {
        using var folder = new TemporaryFolder();
        using var extractor = new OnnxRuntimeExtractor(ModelImportTests.Import(name, folder));
        var image = ModelVerification.Image(extractor.Model, 3);
        var expected = Torchvision.Features(name, folder.In("w"), image, folder);
        var features = await Extraction.Of(extractor, image);
        for (int level = 0; level < 3; level++)
            Assert.InRange(ModelVerification.RelativeError(features.Levels[level], expected[level]), 0, 1e-5);
        Assert.InRange(ModelVerification.RelativeError(features.Pooled, expected[3]), 0, 1e-5);
    }

    public static TheoryData<string> Models => ["resnet18", "oriented-energy-1"];

    [Theory]
    [MemberData(nameof(Models))]
    public async Task Same_bits_for_any_batch_any_number_of_threads_and_concurrent_callers(string name)
    {
        var model = name == "resnet18" ? SyntheticResNet.Build(ResNetArchitecture.All[0], 1) : OrientedEnergy.Open();
        using var alone = new OnnxRuntimeExtractor(model, new() { Threads = 1 });
        RgbImage[] images = [.. Enumerable.Range(0, 5).Select(i => ModelVerification.Image(alone.Model, i))];
        var expected = new List<ImageFeatures>();
        foreach (var image in images) expected.Add(await Extraction.Of(alone, image));
        foreach (var (threads, batch) in new[] { (2, 1), (1, 4), (3, 8) })
        {
            using var extractor = new OnnxRuntimeExtractor(model, new() { Threads = threads, Batch = batch });
            ImageFeatures[] features = [.. images.Select(_ => new ImageFeatures(extractor.Model))];
            await extractor.ExtractAsync(images, features);
            for (int i = 0; i < images.Length; i++) Extraction.AssertSameBits(expected[i], features[i]);

            var concurrent = await Task.WhenAll(Enumerable.Range(0, 10).Select(i
                => Task.Run(() => Extraction.Of(extractor, images[i % 5]))));
            for (int i = 0; i < concurrent.Length; i++) Extraction.AssertSameBits(expected[i % 5], concurrent[i]);
        }
    }

    [Fact]
    public async Task Calls_compute_at_the_same_time()
    {
        using var extractor = new OnnxRuntimeExtractor(OrientedEnergy.Open());
        var image = ModelVerification.Image(extractor.Model, 1);
        int calls = Math.Min(2, Environment.ProcessorCount);
        using var all = new Barrier(calls);
        extractor.BeforeRun = () => Assert.True(all.SignalAndWait(TimeSpan.FromMinutes(1)), "one call waited for another");
        await Task.WhenAll(Enumerable.Range(0, calls).Select(_ => Task.Run(() => Extraction.Of(extractor, image))));
    }

    [Fact]
    public async Task Float16_levels_give_the_same_pyramid()
    {
        var model = SyntheticResNet.Build(ResNetArchitecture.All[0], 1);
        using var single = new OnnxRuntimeExtractor(model);
        using var half = new OnnxRuntimeExtractor(model, new() { HalfLevels = true, Batch = 2 });
        var image = ModelVerification.Image(single.Model, 1);
        var (expected, actual) = (await Extraction.Of(single, image), await Extraction.Of(half, image));
        Assert.Equal(expected.Pooled, actual.Pooled);
        var (a, b) = (FeaturePyramid.From(expected), FeaturePyramid.From(actual));
        for (int level = 0; level < 3; level++) Assert.True(a.LevelBytes(level).SequenceEqual(b.LevelBytes(level)));
        Assert.NotEqual(expected.Levels[0], actual.Levels[0]); // they were rounded
    }

    /// <summary>A run allocates no buffers: levels of this model alone would be 3.4 MB an image.</summary>
    [Fact]
    public async Task Allocates_next_to_nothing_once_warm()
    {
        // One thread: other tests that run at the same time do not change the session that is used.
        using var extractor = new OnnxRuntimeExtractor(OrientedEnergy.Open(), new() { Threads = 1 });
        RgbImage[] images = [ModelVerification.Image(extractor.Model, 1)];
        ImageFeatures[] features = [new(extractor.Model)];
        for (int i = 0; i < 40; i++) await extractor.ExtractAsync(images, features);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 10; i++)
        {
            var done = extractor.ExtractAsync(images, features);
            Assert.True(done.IsCompletedSuccessfully);
        }
        Assert.InRange((GC.GetAllocatedBytesForCurrentThread() - before) / 10, 0, 1024);
    }
}
