using SpadeCluster.Features;

namespace SpadeCluster.Imaging.Tests;

internal static class Pictures
{
    public static RgbImage Noise(Random random, int width, int height)
    {
        var image = new RgbImage(width, height);
        random.NextBytes(image.Pixels);
        return image;
    }

    /// <summary>Smooth, as photographs are: filters and deflate have work to do.</summary>
    public static RgbImage Waves(int width, int height)
    {
        var image = new RgbImage(width, height);
        for (int i = 0; i < image.Pixels.Length; i++)
        {
            var (y, x) = Math.DivRem(i / 3, width);
            image.Pixels[i] = (byte)(128 + 90 * Math.Sin(0.05 * x + i % 3) * Math.Cos(0.04 * y) + (x * 7919 + y * 104729) % 5);
        }
        return image;
    }
}
