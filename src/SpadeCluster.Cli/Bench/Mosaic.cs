using SpadeCluster.Features;

namespace SpadeCluster.Cli.Bench;

/// <summary>Photographs side by side, cut to a size: as hard to decode as the photographs themselves, but of any size. One that occurs
/// again is shifted, because PNG stores equal pixels of a row only once.</summary>
internal static class Mosaic
{
    private const int RowsShifted = 31;

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
                Copy(photograph, result, left, top, Math.Min(height, photograph.Height), next / photographs.Count * RowsShifted);
            }
        }
        return result;
    }

    private static void Copy(RgbImage from, RgbImage to, int left, int top, int height, int shift)
    {
        int length = 3 * Math.Min(from.Width, to.Width - left);
        for (int y = 0; y < Math.Min(height, to.Height - top); y++)
            from.Pixels.AsSpan(3 * ((y + shift) % from.Height) * from.Width, length)
                .CopyTo(to.Pixels.AsSpan(3 * ((top + y) * to.Width + left)));
    }
}
