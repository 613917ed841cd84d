using SpadeCluster.Cli.Bench;
using SpadeCluster.Features;
using SpadeCluster.Imaging;

namespace SpadeCluster.Cli.Tests.Bench;

public sealed class MosaicTests
{
    /// <summary>Noise cannot be compressed: a mosaic that repeats its photographs must not be smaller than they are.</summary>
    [Fact]
    public void A_mosaic_of_few_photographs_is_as_large_a_file_as_they_are()
    {
        const int Side = 256, Times = 4;
        var random = new Random(1);
        RgbImage[] photographs = [.. Enumerable.Range(0, 3).Select(_ =>
        {
            var image = new RgbImage(Side, Side);
            random.NextBytes(image.Pixels);
            return image;
        })];
        double each = photographs.Average(p => PngEncoder.Encode(p).Length);

        Assert.Equal(1, PngEncoder.Encode(Mosaic.Of(photographs, Times * Side)).Length / (Times * Times * each), 0.05);
    }
}
