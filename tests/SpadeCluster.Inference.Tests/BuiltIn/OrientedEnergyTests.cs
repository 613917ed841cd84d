using SpadeCluster.Features;
using SpadeCluster.Inference.BuiltIn;
using SpadeCluster.Inference.OnnxRuntime;

namespace SpadeCluster.Inference.Tests.BuiltIn;

public class OrientedEnergyTests
{
    private const int Luminance = 3, Chroma = 7, Blobs = 15; // first channels of octave 0 at level 1

    private static async Task<ImageFeatures> Extract(Func<int, int, (int R, int G, int B)> color)
    {
        using var extractor = new OnnxRuntimeExtractor(OrientedEnergy.Open());
        var image = new RgbImage(224, 224);
        for (int y = 0, at = 0; y < 224; y++)
            for (int x = 0; x < 224; x++)
            {
                var (r, g, b) = color(x, y);
                (image.Pixels[at++], image.Pixels[at++], image.Pixels[at++]) = ((byte)r, (byte)g, (byte)b);
            }
        var features = new ImageFeatures(extractor.Model);
        await extractor.ExtractAsync([image], [features]);
        return features;
    }

    private static float At(ImageFeatures f, int level, int y, int x, int channel)
        => f.Levels[level][(((y * f.Shapes[level].Width) + x) * 45) + channel];

    [Fact]
    public void Shapes_and_name()
    {
        using var extractor = new OnnxRuntimeExtractor(OrientedEnergy.Open());
        Assert.Equal([new(56, 56, 45), new(28, 28, 45), new(14, 14, 45)], extractor.Model.Levels);
        Assert.Equal(270, extractor.Model.PooledLength);
        Assert.True(extractor.Model.WeightChannels);
        Assert.Equal("oriented-energy-1", extractor.Model.Name);
    }

    [Fact]
    public void It_is_made_the_same_every_time()
        => Assert.Equal(OrientedEnergy.Open().Network.ToArray(), OrientedEnergy.Open().Network.ToArray());

    [Fact]
    public void Filters_ignore_constants_and_have_the_promised_sum()
    {
        float[] filters = MorletBank.Filters(0.8);
        for (int t = 0; t < 4; t++)
        {
            float[] re = filters[(t * 98)..((t * 98) + 49)], im = filters[((t * 98) + 49)..((t * 98) + 98)];
            Assert.Equal(0, re.Sum(), 1e-5);
            Assert.Equal(0, im.Sum(), 1e-5);
            Assert.Equal(2, re.Zip(im, (a, b) => Math.Sqrt((a * a) + (b * b))).Sum(), 1e-5);
        }
    }

    [Fact]
    public async Task Stripes_answer_in_their_orientation_everywhere_even_at_the_border()
    {
        // Period 8/3 pixels: the frequency of octave 0's filters.
        var f = await Extract((x, y) => { int v = (int)(128 + (100 * Math.Cos(3 * Math.PI / 4 * x))); return (v, v, v); });
        for (int y = 0; y < 56; y++)
            for (int x = 0; x < 56; x++)
                Assert.Equal(0, Enumerable.Range(0, 4).MaxBy(t => At(f, 0, y, x, Luminance + t)));
        // All rows are equal, also the first and the last.
        for (int c = 0; c < 45; c++) Assert.Equal(At(f, 0, 28, 20, c), At(f, 0, 0, 20, c), 1e-4);
    }

    [Fact]
    public async Task Colour_edges_answer_in_their_own_channels()
    {
        // Red and green swap at the middle; luminance stays (R + G)/2 = 100 throughout.
        var f = await Extract((x, _) => x < 112 ? (150, 50, 100) : (50, 150, 100));
        float luminance = At(f, 0, 28, 28, Luminance), redGreen = At(f, 0, 28, 28, Chroma), yellowBlue = At(f, 0, 28, 28, Chroma + 4);
        Assert.True(redGreen > 0.1, $"red-green energy is {redGreen}");
        Assert.True(luminance < 0.01 && yellowBlue < 0.01, $"luminance {luminance}, yellow-blue {yellowBlue}");
    }

    [Fact]
    public async Task Bright_and_dark_spots_are_told_apart()
    {
        static bool Spot(int x, int y, int cx) => ((x - cx) * (x - cx)) + ((y - 112) * (y - 112)) < 9;
        var f = await Extract((x, y) => { int v = Spot(x, y, 60) ? 250 : Spot(x, y, 160) ? 10 : 120; return (v, v, v); });
        Assert.True(At(f, 0, 28, 15, Blobs) > 0.3 && At(f, 0, 28, 15, Blobs) > At(f, 0, 28, 15, Blobs + 1));
        Assert.True(At(f, 0, 28, 40, Blobs + 1) > 0.3 && At(f, 0, 28, 40, Blobs + 1) > At(f, 0, 28, 40, Blobs));
        Assert.Equal(0, At(f, 0, 5, 5, Blobs), 1e-3);
    }

    [Fact]
    public async Task Brightness_and_contrast_of_the_whole_image_hardly_matter()
    {
        static int Texture(int x, int y) => (x * 7 + y * 13) % 40 + ((x / 20 + y / 20) % 2 * 40);
        var a = await Extract((x, y) => (Texture(x, y), Texture(x, y), Texture(x, y)));
        var b = await Extract((x, y) => (60 + (2 * Texture(x, y)), 60 + (2 * Texture(x, y)), 60 + (2 * Texture(x, y))));
        for (int level = 0; level < 3; level++) Assert.InRange(ModelVerification.RelativeError(b.Levels[level], a.Levels[level]), 0, 0.1);
    }

    [Fact]
    public async Task Pooled_is_means_then_maxima()
    {
        var f = await Extract((x, y) => (x, y, (x * y) & 255));
        for (int level = 0; level < 3; level++)
            for (int c = 0; c < 45; c++)
            {
                float[] channel = [.. f.Levels[level].Where((_, i) => i % 45 == c)];
                Assert.Equal(channel.Average(), f.Pooled[(level * 45) + c], 1e-4);
                Assert.Equal(channel.Max(), f.Pooled[135 + (level * 45) + c]);
            }
    }
}
