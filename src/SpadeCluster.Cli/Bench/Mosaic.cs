using SpadeCluster.Features;

namespace SpadeCluster.Cli.Bench;

/// <summary>Photographs side by side, cut to a size: as hard to decode as the photographs themselves, but of any size.</summary>
internal static class Mosaic
{
    /// <param name="side">Width and height of the result in pixels.</param>
    public static RgbImage Of(IReadOnlyList<RgbImage> photographs, int side)
    {
        var result = new RgbImage(side, side);
        int next = 0;
        for (int top = 0, height; top < side; top += height)
        {
            height = photographs[next % photographs.Count].Height;
            for (int left = 0, width; left < side; left += width, next++)
            {
                var photograph = photographs[next % photographs.Count];
                width = photograph.Width;
                Copy(photograph, result, left, top, Math.Min(height, photograph.Height));
            }
        }
        return result;
    }

    private static void Copy(RgbImage from, RgbImage to, int left, int top, int height)
    {
        int length = 3 * Math.Min(from.Width, to.Width - left);
        for (int y = 0; y < Math.Min(height, to.Height - top); y++)
            from.Pixels.AsSpan(3 * y * from.Width, length).CopyTo(to.Pixels.AsSpan(3 * ((top + y) * to.Width + left)));
    }
}
