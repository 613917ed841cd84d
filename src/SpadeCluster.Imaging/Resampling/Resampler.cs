using SpadeCluster.Features;

namespace SpadeCluster.Imaging;

/// <summary>Resizing with exactly the results of Pillow, so that published results can be reproduced.</summary>
public static partial class Resampler
{
    /// <summary>Resizes with an antialiased triangle filter (area-correct when shrinking, bilinear when enlarging): Pillow's
    /// <c>resize((width, height), Image.BILINEAR)</c>. Horizontally first, then vertically, with rounding to 8 bits in between.</summary>
    public static RgbImage Resize(RgbImage image, int width, int height)
    {
        using var rows = PixelRows.Of(image);
        return Resize(rows, width, height);
    }

    internal static RgbImage Resize(PixelRows image, int width, int height)
    {
        var across = image.Width == width ? image.ToImage() : ResizeAcross(image, width, Best);
        return image.Height == height ? across : ResizeDown(across, height, Best);
    }

    /// <summary>Resizes by taking the pixel under each output pixel's centre: Pillow's <c>Image.NEAREST</c>. For masks.</summary>
    public static RgbImage ResizeNearest(RgbImage image, int width, int height)
    {
        var result = new RgbImage(width, height);
        int[] columns = NearestPositions(image.Width, width), rows = NearestPositions(image.Height, height);
        var target = result.Pixels.AsSpan();
        for (int y = 0; y < height; y++)
        {
            var row = image.Pixels.AsSpan(3 * rows[y] * image.Width, 3 * image.Width);
            foreach (int x in columns)
            {
                row.Slice(3 * x, 3).CopyTo(target);
                target = target[3..];
            }
        }
        return result;
    }

    /// <summary>Cuts out a part.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The box leaves the image; see <see cref="PixelBox.Clamp"/>.</exception>
    public static RgbImage Crop(RgbImage image, PixelBox box)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(box.Clamp(image.Width, image.Height), box, nameof(box));
        var result = new RgbImage(box.Width, box.Height);
        for (int y = 0; y < box.Height; y++)
            image.Pixels.AsSpan(3 * ((box.Y + y) * image.Width + box.X), 3 * box.Width).CopyTo(result.Pixels.AsSpan(3 * y * box.Width));
        return result;
    }

    /// <summary>Enlarges each pixel to a square of <paramref name="factor"/> pixels, for viewing small patches.</summary>
    public static RgbImage Enlarge(RgbImage image, int factor) => ResizeNearest(image, image.Width * factor, image.Height * factor);

    private static int[] NearestPositions(int from, int to)
    {
        // Pillow adds up the step; multiplying would differ by a pixel where rounding errors matter.
        double step = (double)from / to, at = step * 0.5;
        var positions = new int[to];
        for (int i = 0; i < to; i++, at += step)
            positions[i] = Math.Min((int)at, from - 1);
        return positions;
    }
}
