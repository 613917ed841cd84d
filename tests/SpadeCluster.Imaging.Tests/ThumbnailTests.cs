using SpadeCluster.Features;

namespace SpadeCluster.Imaging.Tests;

public sealed class ThumbnailTests
{
    [Theory]
    [InlineData(300, 200, 20_000)]
    [InlineData(64, 300, 20_000)]
    [InlineData(300, 300, 3_000)]
    [InlineData(20, 10, 20_000)]
    public void Fits_into_its_bytes_and_keeps_its_proportions(int width, int height, int maxBytes)
    {
        // Noise does not compress: the worst case for the size.
        var image = new RgbImage(width, height);
        new Random(1).NextBytes(image.Pixels);
        var picture = Thumbnail.Encode(image, maxBytes);
        Assert.InRange(picture!.Length, 1, maxBytes);
        var small = ImageReader.Default.Decode(picture, "thumbnail");
        Assert.InRange(Math.Max(small.Width, small.Height), Math.Min(16, Math.Max(width, height)), Math.Min(224, Math.Max(width, height)));
        Assert.Equal((double)width / height, (double)small.Width / small.Height, 0.1);
        Assert.Null(Thumbnail.Encode(image, 60));
    }
}
