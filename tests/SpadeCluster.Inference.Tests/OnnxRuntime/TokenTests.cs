using Microsoft.ML.OnnxRuntime;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Imaging;
using SpadeCluster.Inference.Tests;
using SpadeCluster.Scoring;

namespace SpadeCluster.Inference.OnnxRuntime.Tests;

/// <summary>Vision transformers: tokens [N, T, C] as levels.</summary>
public class TokenTests
{
    private const int Columns = 8, Rows = 6, First = 3;

    [Fact]
    public async Task Features_are_the_tokens_that_ONNX_Runtime_gives()
    {
        using var folder = new TemporaryFolder();
        ModelFolder.Write(folder.In("vit"), SmallVit.Build());
        var model = ModelFolder.Open(folder.In("vit"));
        Assert.Equal(new TokenLayout(8, Registers: 2), model.Manifest.Tokens);
        using var extractor = new OnnxRuntimeExtractor(model);
        Assert.Equal(Enumerable.Repeat(new LevelShape(Rows, Columns, SmallVit.Channels), 3), extractor.Model.Levels);
        Assert.Equal(SmallVit.Channels, extractor.Model.PooledLength);
        Assert.Equal(4, (await ModelVerification.RunAsync(extractor)).Count);

        var image = ModelVerification.Image(extractor.Model, 5);
        var features = await Extraction.Of(extractor, image);
        float[][] tokens = Run(model, image);
        for (int level = 0; level < 3; level++)
            Assert.InRange(ModelVerification.RelativeError(features.Levels[level], tokens[level].AsSpan(First * SmallVit.Channels)), 0,
                1e-6);
        Assert.InRange(ModelVerification.RelativeError(features.Pooled, tokens[2].AsSpan(0, SmallVit.Channels)), 0, 1e-6);
    }

    [Fact]
    public async Task Levels_are_averaged_and_the_pooled_feature_is_their_mean_if_the_manifest_says_so()
    {
        var plain = SmallVit.Build();
        var model = InferenceModel.Create(plain.Manifest with { Aggregate = 3, Pooled = new PooledSource(MeanOf: "block2") }, plain.Network,
            "test");
        Assert.NotEqual(plain.Digest, model.Digest);
        using var extractor = new OnnxRuntimeExtractor(model);
        var image = ModelVerification.Image(extractor.Model, 5);
        var features = await Extraction.Of(extractor, image);
        float[] cells = Run(model, image)[1][(First * SmallVit.Channels)..];
        float At(int y, int x, int c) => cells[(y * Columns + x) * SmallVit.Channels + c];
        for (int c = 0; c < SmallVit.Channels; c++)
        {
            Assert.Equal(Enumerable.Range(0, Rows * Columns).Average(i => cells[i * SmallVit.Channels + c]), features.Pooled[c], 1e-4);
            // The corner's mean is over the four cells that are there.
            Assert.Equal((At(0, 0, c) + At(0, 1, c) + At(1, 0, c) + At(1, 1, c)) / 4, features.Levels[1][c], 1e-4);
        }
    }

    [Theory]
    [InlineData(8, 1, "48 cells after 2 other tokens")]
    [InlineData(8, 4, "48 cells after 5 other tokens")]
    [InlineData(16, 2, "12 cells after 3 other tokens")]
    public void Tokens_that_are_not_as_stated_are_refused(int patch, int registers, string expected)
    {
        var error = Assert.Throws<SpadeException>(() => new OnnxRuntimeExtractor(SmallVit.Build(stated: new(patch, Registers: registers))));
        Assert.Equal(SpadeError.InvalidArgument, error.Error);
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Manifests_that_cannot_be_are_refused()
    {
        static string Refused(Func<ModelManifest, ModelManifest> change)
        {
            var model = SmallVit.Build();
            return Assert.Throws<SpadeException>(() => InferenceModel.Create(change(model.Manifest), model.Network, "vit")).Message;
        }
        Assert.Contains("\"tokens\" patch must divide", Refused(m => m with { Tokens = new(7) }), StringComparison.Ordinal);
        Assert.Contains("\"tokens\" patch must divide", Refused(m => m with { Tokens = new(0) }), StringComparison.Ordinal);
        Assert.Contains("\"tokens\" registers must", Refused(m => m with { Tokens = new(8, Registers: -1) }), StringComparison.Ordinal);
        Assert.Contains("\"pooled\" is the class token", Refused(m => m with { Tokens = null }), StringComparison.Ordinal);
        Assert.Contains("\"pooled\" is the class token", Refused(m => m with { Tokens = new(8, Class: false) }), StringComparison.Ordinal);
        Assert.Contains("\"pooled\" must be", Refused(m => m with { Pooled = new("block1", ClassOf: "block3") }), StringComparison.Ordinal);
    }

    [Fact]
    public async Task One_shard_and_eight_give_the_same_bits()
    {
        using var engines = new Vit();
        var store = new InMemoryGalleryStore();
        var galleries = new GalleryService(store, engines, "test");
        var manifest = (await galleries.AddAsync("parts", [.. Enumerable.Range(0, 12).Select(i => Source(engines.Model, i))]))!;
        using var one = await OpenGallery.LoadAsync(store, manifest);
        using var eight = await OpenGallery.LoadAsync(store, manifest, shards: 8);
        var options = new ScoringOptions { GalleryNeighbours = 6, Kappa = 2 };
        var scores = new List<double>();
        for (int i = 100; i < 104; i++)
        {
            var features = await Extraction.Of(engines.Extractor, ModelVerification.Image(engines.Model, i));
            var query = new QueryImage(default, features.Pooled, FeaturePyramid.From(features));
            var (a, b) = (await one.Coordinator.ScoreAsync(query, options, null), await eight.Coordinator.ScoreAsync(query, options, null));
            Assert.Equal(a.GateDistance, b.GateDistance);
            Assert.Equal(a.Neighbours.Select(n => (n.Id, n.Distance)), b.Neighbours.Select(n => (n.Id, n.Distance)));
            Assert.Equal(a.Map!.Values, b.Map!.Values);
            scores.Add(a.Score!.Value);
        }
        Assert.All(scores, s => Assert.True(s > 0));
        Assert.Equal(4, scores.Distinct().Count());

        // A normal of the gallery finds itself.
        var known = await Extraction.Of(engines.Extractor, ModelVerification.Image(engines.Model, 3));
        var found = await eight.Coordinator.ScoreAsync(new QueryImage(default, known.Pooled, FeaturePyramid.From(known)),
            new ScoringOptions { GateNeighbours = 1, GalleryNeighbours = 1 }, null);
        Assert.Equal((0, 0), (found.GateDistance, found.Score!.Value));
    }

    /// <summary>The network as it was built, without the extractor.</summary>
    private static float[][] Run(InferenceModel model, RgbImage image)
    {
        var (width, height) = (image.Width, image.Height);
        float[] input = new float[3 * width * height];
        for (int c = 0; c < 3; c++)
            for (int i = 0; i < width * height; i++) input[c * width * height + i] = (image.Pixels[3 * i + c] - 127f) / 60f;
        using var session = BoundSession.Plain(model.Network.ToArray());
        using var options = new RunOptions();
        using var value = OrtValue.CreateTensorValueFromMemory(input, [1, 3, height, width]);
        using var outputs = session.Run(options, ["image"], [value], model.Manifest.Levels);
        return [.. outputs.Select(o => o.GetTensorDataAsSpan<float>().ToArray())];
    }

    private static ImageSource Source(FeatureModel model, int seed)
    {
        var image = ModelVerification.Image(model, seed);
        byte[] packed = new RawImage($"{seed}", RawFormat.Rgb8, image.Width, image.Height, image.Pixels).Pack();
        return new ImageSource($"{seed}", packed);
    }

    private sealed class Vit : IFeatureEngines, IDisposable
    {
        public OnnxRuntimeExtractor Extractor { get; } = new(SmallVit.Build());
        public FeatureModel Model => Extractor.Model;
        public FeatureEngine Default => new(Extractor, new ImagePreparer(Preprocessing.Stretch(Model.InputWidth, Model.InputHeight)));
        public FeatureEngine For(FeatureModel model, string preprocessing) => Default;
        public void Dispose() => Extractor.Dispose();
    }
}
