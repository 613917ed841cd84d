using SpadeCluster.Cluster.Extraction;
using SpadeCluster.Features;
using SpadeCluster.Imaging;
using SpadeCluster.Inference.BuiltIn;
using SpadeCluster.Inference.OnnxRuntime;

namespace SpadeCluster.Server.Tests;

/// <summary>Photographs of a made-up part: a grey disc with a hole, slightly different each time; a defect is a bright spot.</summary>
internal static class Part
{
    public static byte[] Good(int seed) => PngEncoder.Encode(Draw(seed, false));
    public static byte[] Defective(int seed) => PngEncoder.Encode(Draw(seed, true));

    private static RgbImage Draw(int seed, bool defect)
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
                if (defect && Math.Abs(x - 66) < 6 && Math.Abs(y - 50) < 6) grey = 250;
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
        new(_extractor, new ImagePreparer(Preprocessing.Stretch(_extractor.Model.InputWidth, _extractor.Model.InputHeight)));

    public FeatureEngine For(FeatureModel model, string preprocessing) => Default;

    public IFeatureEngines On(int slot) => this;

    public IReadOnlyList<FeatureModel> Models => [_extractor.Model];

    public IEnumerable<ExtractorHealth> Health { get; set; } = [];

    public IImagePreparer For(string preprocessing) => new ImagePreparer(Preprocessing.Parse(preprocessing));

    public void Dispose() => _extractor.Dispose();
}
