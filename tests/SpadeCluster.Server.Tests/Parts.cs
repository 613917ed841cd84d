using SpadeCluster.Cluster.Extraction;
using SpadeCluster.Features;
using SpadeCluster.Imaging;
using SpadeCluster.Inference.BuiltIn;
using SpadeCluster.Inference.OnnxRuntime;

namespace SpadeCluster.Server.Tests;

/// <summary>Photographs of a made-up part: a grey disc with a hole, slightly different each time; a defect is a bright spot.</summary>
internal static class Part
{
    public static byte[] Good(int seed) => PngEncoder.Encode(Draw(seed, null));
    public static byte[] Defective(int seed) => PngEncoder.Encode(Draw(seed, 250));

    /// <summary>With a spot that is hardly brighter than the part: its verdict is 'review' or 'defect', by the spot's grey value.</summary>
    public static byte[] Odd(int seed, int grey) => PngEncoder.Encode(Draw(seed, grey));

    /// <summary>Noise instead of a part, by default in its middle only: noise is the slowest to search.</summary>
    public static byte[] Noise(int seed, int side = 20)
    {
        var image = Draw(seed, null);
        var random = new Random(seed);
        int from = (96 - side) / 2;
        for (int y = from; y < from + side; y++) random.NextBytes(image.Pixels.AsSpan(3 * (y * 96 + from), 3 * side));
        return PngEncoder.Encode(image);
    }

    /// <summary>The same picture as a good part's, but for one pixel by one step: another file.</summary>
    public static byte[] Copy(int seed, int copy)
    {
        var image = Draw(seed, null);
        image.Pixels[copy % image.Pixels.Length] ^= 1;
        return PngEncoder.Encode(image);
    }

    /// <summary>800x400 pixels, stripes that grow brighter to the right, with bright spots.</summary>
    public static byte[] Large(int seed, params (int X, int Y)[] spots)
    {
        var random = new Random(seed);
        var image = new RgbImage(800, 400);
        for (int i = 0; i < 800 * 400; i++)
        {
            var (y, x) = Math.DivRem(i, 800);
            int grey = spots.Any(s => Math.Abs(s.X - x) < 12 && Math.Abs(s.Y - y) < 12) ? 250
                : (int)(70 + x / 40 + 30 * Math.Sin((x + 2 * y) / 17.0)) + random.Next(10);
            image.Pixels.AsSpan(3 * i, 3).Fill((byte)grey);
        }
        return PngEncoder.Encode(image);
    }

    private static RgbImage Draw(int seed, int? spot)
    {
        const int Side = 96;
        var random = new Random(seed);
        var image = new RgbImage(Side, Side);
        double centreX = 48 + random.NextDouble(), centreY = 48 + random.NextDouble();
        for (int y = 0; y < Side; y++)
        {
            for (int x = 0; x < Side; x++)
            {
                double r = Math.Sqrt((x - centreX) * (x - centreX) + (y - centreY) * (y - centreY));
                int grey = (r is > 10 and < 36 ? 150 : 25) + random.Next(10);
                if (spot is { } bright && Math.Abs(x - 66) < 6 && Math.Abs(y - 50) < 6) grey = bright;
                for (int c = 0; c < 3; c++) image.Pixels[3 * (y * Side + x) + c] = (byte)grey;
            }
        }
        return image;
    }
}

/// <summary>The built-in model without trained weights, one thread an image.</summary>
internal sealed class TestEngines : IFeatureEngines, IDeviceEngines, IImagePreparers, IDisposable
{
    private readonly OnnxRuntimeExtractor _extractor = new(BuiltInModels.Open(BuiltInModels.OrientedEnergy), new() { Threads = 1 });

    public FeatureEngine Default =>
        For(_extractor.Model, Preprocessing.Stretch(_extractor.Model.InputWidth, _extractor.Model.InputHeight).ToString());

    public FeatureEngine For(FeatureModel model, string preprocessing) => new(_extractor, For(preprocessing));

    public IFeatureEngines On(int slot) => this;

    public IReadOnlyList<FeatureModel> Models => [_extractor.Model];

    public IEnumerable<ExtractorHealth> Health { get; set; } = [];

    public IImagePreparer For(string preprocessing) => new ImagePreparer(Preprocessing.Parse(preprocessing));

    public void Dispose() => _extractor.Dispose();
}
