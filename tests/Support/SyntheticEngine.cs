using System.Security.Cryptography;
using SpadeCluster.Features;

namespace SpadeCluster.Tests;

/// <summary>
/// A model without a network: an "image file" is any bytes, and its features are numbers drawn from its content, so
/// galleries can be built in microseconds. The bytes "bad" are no image.
/// </summary>
public sealed class SyntheticEngine : IFeatureEngines, IFeatureExtractor, IImagePreparer
{
    public static FeatureModel Tiny { get; } =
        new("synthetic", new string('a', 64), 8, 8, [new(4, 4, 6), new(2, 2, 10)], 12, WeightChannels: true);

    public SyntheticEngine(FeatureModel? model = null) => Model = model ?? Tiny;

    public FeatureModel Model { get; }
    public string Description => "synthetic";
    public FeatureEngine Default => new(this, this);

    public FeatureEngine For(FeatureModel model, string preprocessing) => Default;

    public PreparedImage Prepare(ReadOnlySpan<byte> file, string name)
    {
        if (file.SequenceEqual("bad"u8)) throw new SpadeException(SpadeError.InvalidArgument, $"{name}: not an image");
        var pixels = new byte[3 * Model.InputWidth * Model.InputHeight];
        SHA256.HashData(file).CopyTo(pixels, 0);
        return new PreparedImage(new RgbImage(Model.InputWidth, Model.InputHeight, pixels),
            InputGeometry.Same(Model.InputWidth, Model.InputHeight));
    }

    public ValueTask ExtractAsync(IReadOnlyList<RgbImage> images, IReadOnlyList<ImageFeatures> features,
        CancellationToken cancellationToken = default)
    {
        for (int i = 0; i < images.Count; i++)
        {
            var random = new Random(BitConverter.ToInt32(images[i].Pixels));
            foreach (var values in features[i].Levels.Append(features[i].Pooled))
                for (int v = 0; v < values.Length; v++) values[v] = (float)(random.NextDouble() + random.NextDouble() + 0.5 * (v % 3));
        }
        return ValueTask.CompletedTask;
    }

    public void Dispose() { }
}
