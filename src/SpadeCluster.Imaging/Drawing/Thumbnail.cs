using SpadeCluster.Features;

namespace SpadeCluster.Imaging;

/// <summary>Small pictures of normals, kept in galleries for the evidence view.</summary>
public static class Thumbnail
{
    /// <summary>The largest scaled-down PNG of an image that takes at most <paramref name="maxBytes"/>.</summary>
    /// <returns>Null where even the smallest takes more.</returns>
    public static byte[]? Encode(RgbImage image, int maxBytes)
    {
        foreach (int side in (ReadOnlySpan<int>)[160, 128, 112, 96, 80, 64, 48, 32])
        {
            double scale = Math.Min(1, side / (double)Math.Max(image.Width, image.Height));
            byte[] png = PngEncoder.Encode(Resampler.Resize(image, Math.Max(1, (int)(image.Width * scale)), Math.Max(1, (int)(image.Height * scale))));
            if (png.Length <= maxBytes) return png;
        }
        return null;
    }
}
