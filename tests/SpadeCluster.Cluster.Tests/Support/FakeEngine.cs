using System.Security.Cryptography;
using SpadeCluster.Features;
using SpadeCluster.Cluster.Extraction;
using SpadeCluster.Imaging;

namespace SpadeCluster.Cluster.Tests.Support;

/// <summary>A small, fast model: features are fixed random projections of the pixels around each cell.</summary>
/// <param name="model">Its input is square, and so are its levels; null: <see cref="SmallModel"/>.</param>
internal sealed class FakeExtractor(FeatureModel? model = null) : IFeatureExtractor
{
    public const int Side = 16;

    public static FeatureModel SmallModel { get; } = new("fake", Convert.ToHexStringLower(SHA256.HashData("fake"u8)), Side, Side,
        [new LevelShape(8, 8, 6), new LevelShape(4, 4, 10), new LevelShape(2, 2, 12)], 22, WeightChannels: true);

    /// <summary>A shard of a few normals takes megabytes.</summary>
    public static FeatureModel MediumModel { get; } = new("fake-medium", new string('b', 64), 64, 64,
        [new LevelShape(32, 32, 16), new LevelShape(16, 16, 32), new LevelShape(8, 8, 64)], 112, WeightChannels: false);

    /// <summary>Messages are as long as with the largest networks: an image of 150,528 bytes, 2048 pooled features.</summary>
    public static FeatureModel LargeModel { get; } = new("fake-large", Convert.ToHexStringLower(SHA256.HashData("fake-large"u8)), 224, 224,
        [new LevelShape(14, 14, 4), new LevelShape(7, 7, 8)], 2048, WeightChannels: false);

    private int _calls, _images;

    public FeatureModel Model { get; } = model ?? SmallModel;

    public int Calls => _calls;
    public int Images => _images;

    /// <summary>Awaited before each batch: tests delay extraction with it.</summary>
    public Func<Task> Gate { get; set; } = () => Task.CompletedTask;

    public async ValueTask ExtractAsync(IReadOnlyList<RgbImage> images, IReadOnlyList<ImageFeatures> features,
        CancellationToken cancellationToken = default)
    {
        await Gate();
        Interlocked.Increment(ref _calls);
        Interlocked.Add(ref _images, images.Count);
        for (int i = 0; i < images.Count; i++) Extract(images[i], features[i]);
    }

    public void Dispose() { }

    private static void Extract(RgbImage image, ImageFeatures features)
    {
        int at = 0, side = image.Width;
        for (int l = 0; l < features.Shapes.Count; l++)
        {
            var shape = features.Shapes[l];
            int step = side / shape.Height;
            for (int y = 0; y < shape.Height; y++)
                for (int x = 0; x < shape.Width; x++)
                    for (int c = 0; c < shape.Channels; c++)
                    {
                        float sum = 0;
                        for (int k = 0; k < 3 * step * step; k++)
                        {
                            int py = y * step + k / 3 / step, px = x * step + k / 3 % step;
                            sum += image.Pixels[3 * (py * side + px) + k % 3] * (((k * 31 + c * 17 + l * 7) % 13) - 6);
                        }
                        features.Levels[l][(y * shape.Width + x) * shape.Channels + c] = sum / 2048;
                    }
            for (int c = 0; c < shape.Channels && at < features.Pooled.Length; c++, at++)
            {
                float mean = 0;
                for (int i = c; i < features.Levels[l].Length; i += shape.Channels) mean += features.Levels[l][i];
                features.Pooled[at] = mean / shape.Cells;
            }
        }
    }
}

/// <param name="preprocessing">Of new categories; null: stretched to the input.</param>
internal sealed class FakeEngines(FakeExtractor extractor, string? preprocessing = null) : IFeatureEngines, IDeviceEngines, IImagePreparers
{
    private readonly Preprocessing _geometry = preprocessing is null
        ? Preprocessing.Stretch(extractor.Model.InputWidth, extractor.Model.InputHeight) : Preprocessing.Parse(preprocessing);

    public FeatureEngine Default => new(extractor, new ImagePreparer(_geometry));

    public FeatureEngine For(FeatureModel model, string preprocessing)
        => model.Digest == extractor.Model.Digest && Preprocessing.Parse(preprocessing) is var geometry
            && (geometry.Width, geometry.Height) == (model.InputWidth, model.InputHeight)
        ? new(extractor, new ImagePreparer(Preprocessing.Parse(preprocessing)))
        : throw new SpadeException(SpadeError.FailedPrecondition, $"model '{model.Name}' is not here");

    public IFeatureEngines On(int slot) => this;

    public IReadOnlyList<FeatureModel> Models => [extractor.Model];

    public IEnumerable<ExtractorHealth> Health => [];

    public IImagePreparer For(string preprocessing) => new ImagePreparer(Preprocessing.Parse(preprocessing));
}
