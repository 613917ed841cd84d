using SpadeCluster.Features;
using SpadeCluster.Imaging;
using SpadeCluster.Inference.Default;
using SpadeCluster.Inference.Import;
using SpadeCluster.Inference.Managed;
using SpadeCluster.Tests;

namespace SpadeCluster.Inference.Tests.Managed;

public class ExtractorTests
{
    private static readonly InferenceModel ResNet18 = SyntheticResNet.Build(ResNetArchitecture.All[0], 1);

    private static async Task<ImageFeatures> Extract(ManagedExtractor extractor, RgbImage image)
    {
        var features = new ImageFeatures(extractor.Model);
        await extractor.ExtractAsync([image], [features]);
        return features;
    }

    private static void AssertSameBits(ImageFeatures a, ImageFeatures b)
    {
        Assert.Equal(a.Pooled, b.Pooled);
        for (int i = 0; i < a.Levels.Count; i++) Assert.Equal(a.Levels[i], b.Levels[i]);
    }

    [SharedDataFact]
    public async Task Golden_features_of_the_published_ResNet50_within_1e_4()
    {
        using var folder = new TemporaryFolder();
        var model = ModelImport.Run("resnet50-caffe", SharedData.Path("data", "resnet50-l3", "resnet50_layers1-3.safetensors"), folder.In("model"));
        var golden = Npz.Read(SharedData.Path("data", "resnet50-l3", "golden_features.npz"));
        var image = ImageReader.Default.ReadFile(SharedData.Path("data", "resnet50-l3", "golden_input.png"));
        foreach (var path in Graphs.AllPaths)
        {
            using var extractor = new ManagedExtractor(ModelFolder.Open(folder.In("model")), 2, path);
            Assert.Equal([new(56, 56, 256), new(28, 28, 512), new(14, 14, 1024)], extractor.Model.Levels);
            var features = await Extract(extractor, image);
            for (int level = 0; level < 3; level++)
                Assert.InRange(ModelVerification.RelativeError(features.Levels[level], golden[$"level{level + 1}"]), 0, 1e-5);
            Assert.InRange(ModelVerification.RelativeError(features.Pooled, golden["pooled"]), 0, 1e-5);
        }
        Assert.Equal(model.Digest, ModelFolder.Open(folder.In("model")).Digest);
    }

    public static TheoryData<string> Models => ["default", "resnet18"];

    [Theory]
    [MemberData(nameof(Models))]
    public async Task Same_bits_for_any_number_of_threads_any_batch_and_concurrent_callers(string name)
    {
        var model = name == "default" ? DefaultModel.Open() : ResNet18;
        using var alone = new ManagedExtractor(model, 1);
        RgbImage[] images = [.. Enumerable.Range(0, 3).Select(i => ModelVerification.Image(alone.Model, i))];
        var expected = new List<ImageFeatures>();
        foreach (var image in images) expected.Add(await Extract(alone, image));
        foreach (int threads in new[] { 2, 5 })
        {
            using var extractor = new ManagedExtractor(model, threads);
            ImageFeatures[] batch = [.. images.Select(_ => new ImageFeatures(extractor.Model))];
            await extractor.ExtractAsync(images, batch);
            for (int i = 0; i < images.Length; i++) AssertSameBits(expected[i], batch[i]);

            var concurrent = await Task.WhenAll(Enumerable.Range(0, 12).Select(i => Task.Run(() => Extract(extractor, images[i % 3]))));
            for (int i = 0; i < concurrent.Length; i++) AssertSameBits(expected[i % 3], concurrent[i]);
        }
    }

    [Theory]
    [MemberData(nameof(Models))]
    public async Task All_vector_widths_agree_with_the_scalar_reference(string name)
    {
        var model = name == "default" ? DefaultModel.Open() : ResNet18;
        using var reference = new ManagedExtractor(model, 2, SimdPath.Scalar);
        foreach (var path in Graphs.AllPaths.Where(p => p != SimdPath.Scalar))
        {
            using var extractor = new ManagedExtractor(model, 2, path);
            Assert.All(await ModelVerification.CompareAsync(reference, extractor, 1), error => Assert.InRange(error, 0, 1e-5));
        }
    }

    [Fact]
    public void Allocates_nothing_once_warm()
    {
        using var extractor = new ManagedExtractor(DefaultModel.Open(), 2);
        RgbImage[] images = [ModelVerification.Image(extractor.Model, 1)];
        ImageFeatures[] features = [new(extractor.Model)];
        void Run()
        {
            var done = extractor.ExtractAsync(images, features);
            Assert.True(done.IsCompletedSuccessfully);
        }
        for (int i = 0; i < 40; i++) Run();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 10; i++) Run();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public async Task Cancellation_stops_a_batch_and_leaves_the_extractor_usable()
    {
        using var extractor = new ManagedExtractor(DefaultModel.Open(), 2);
        var image = ModelVerification.Image(extractor.Model, 1);
        var expected = await Extract(extractor, image);
        RgbImage[] many = [.. Enumerable.Repeat(image, 2000)];
        var features = new ImageFeatures(extractor.Model);
        using var source = new CancellationTokenSource();
        var running = Task.Run(async () => await extractor.ExtractAsync(many, [.. many.Select(_ => features)], source.Token));
        source.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
        AssertSameBits(expected, await Extract(extractor, image));
    }

    [Fact]
    public async Task An_image_of_another_size_is_refused_by_number()
    {
        using var extractor = new ManagedExtractor(DefaultModel.Open(), 1);
        var features = new ImageFeatures(extractor.Model);
        var error = await Assert.ThrowsAsync<SpadeException>(async () => await extractor.ExtractAsync([new RgbImage(224, 224), new RgbImage(223, 224)], [features, features]));
        Assert.Equal(SpadeError.InvalidArgument, error.Error);
        Assert.Contains("image 1 is 223x224", error.Message);
    }

    [Fact]
    public async Task Verification_passes_for_the_default_model_and_catches_a_dead_one()
    {
        using var extractor = new ManagedExtractor(DefaultModel.Open(), 2);
        var ranges = await ModelVerification.RunAsync(extractor, images: 2);
        Assert.Equal(["level 1", "level 2", "level 3", "pooled"], ranges.Select(r => r.Name));
        Assert.All(ranges, r => Assert.True(r.Smallest < r.Mean && r.Mean < r.Largest));

        using var dead = new ManagedExtractor(SmallModels.Of(g => g.Node("Mul", "level", ["image", g.Scalar(0)])), 1);
        var error = await Assert.ThrowsAsync<SpadeException>(() => ModelVerification.RunAsync(dead, images: 2));
        Assert.Contains("same for different images", error.Message);
    }
}
