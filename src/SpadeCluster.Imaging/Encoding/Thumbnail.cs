using SpadeCluster.Features;

namespace SpadeCluster.Imaging;

/// <summary>Makes thumbnails, JPEG.</summary>
public static class Thumbnail
{
    /// <summary>As large as the input of most networks, so that a tile is kept pixel by pixel.</summary>
    private const int LargestSide = 224;

    /// <summary>Sides are for <see cref="LargestSide"/>.</summary>
    private static readonly (int Side, int Quality)[] Steps =
        [(224, 85), (224, 60), (160, 60), (112, 60), (80, 60), (56, 60), (40, 60), (28, 60), (16, 60)];

    /// <summary>The image with a longer side as large as the bytes allow, at most <paramref name="largestSide"/> pixels; null if even
    /// a fourteenth of it does not fit.</summary>
    public static byte[]? Encode(RgbImage image, int maxBytes, int largestSide = LargestSide)
    {
        foreach (var (side, quality) in Steps)
        {
            byte[] picture = JpegEncoder.Encode(Within(image, side * largestSide / LargestSide), quality);
            if (picture.Length <= maxBytes) return picture;
        }
        return null;
    }

    /// <summary>The image with its longer side reduced to <paramref name="side"/> pixels, where it has more.</summary>
    public static RgbImage Within(RgbImage image, int side)
    {
        int longer = Math.Max(image.Width, image.Height);
        int Scaled(int length) => Math.Max(1, (int)((long)length * side / longer));
        return longer <= side ? image : Resampler.Resize(image, Scaled(image.Width), Scaled(image.Height));
    }
}
