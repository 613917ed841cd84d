using SpadeCluster.Features;

namespace SpadeCluster.Imaging;

/// <summary>Makes thumbnails, PNG.</summary>
public static class Thumbnail
{
    private static readonly int[] Sides = [128, 96, 72, 54, 40, 28, 16];

    /// <summary>The image with a longer side as large as the bytes allow, at most 128 pixels; null if even 16 pixels do not fit.</summary>
    public static byte[]? Encode(RgbImage image, int maxBytes)
    {
        foreach (int side in Sides)
        {
            int longer = Math.Max(image.Width, image.Height);
            int Scaled(int length) => longer <= side ? length : Math.Max(1, (int)((long)length * side / longer));
            var png = PngEncoder.Encode(Resampler.Resize(image, Scaled(image.Width), Scaled(image.Height)));
            if (png.Length <= maxBytes) return png;
        }
        return null;
    }
}
