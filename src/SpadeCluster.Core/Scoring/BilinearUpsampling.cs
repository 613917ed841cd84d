using System.Numerics;

namespace SpadeCluster.Scoring;

/// <summary>Bilinear enlargement with half-pixel centres and clamped borders (PyTorch's align_corners=False).</summary>
public static class BilinearUpsampling
{
    /// <param name="source">[sourceHeight][sourceWidth].</param>
    /// <param name="destination">[height][width]; overwritten.</param>
    public static void Resize(float[] source, int sourceHeight, int sourceWidth, float[] destination, int height, int width)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(source.Length, sourceHeight * sourceWidth, nameof(source));
        ArgumentOutOfRangeException.ThrowIfNotEqual(destination.Length, height * width, nameof(destination));
        var columns = new (int Low, int High, float Fraction)[width];
        for (int x = 0; x < width; x++) columns[x] = Taps(x, sourceWidth, width);
        RowBlocks.Run(height, width, (first, end) =>
        {
            // Source rows stretched to the width. Several rows lie between the same two.
            float[] top = new float[width], bottom = new float[width];
            int topRow = -1, bottomRow = -1;
            for (int y = first; y < end; y++)
            {
                var (low, high, fraction) = Taps(y, sourceHeight, height);
                if (low == bottomRow) (top, bottom, topRow, bottomRow) = (bottom, top, bottomRow, topRow);
                if (low != topRow) Stretch(source.AsSpan(low * sourceWidth, sourceWidth), columns, top);
                if (high != bottomRow) Stretch(source.AsSpan(high * sourceWidth, sourceWidth), columns, bottom);
                (topRow, bottomRow) = (low, high);
                Mix(top, bottom, fraction, destination.AsSpan(y * width, width));
            }
        });
    }

    private static void Stretch(ReadOnlySpan<float> row, (int Low, int High, float Fraction)[] columns, float[] target)
    {
        for (int x = 0; x < target.Length; x++)
        {
            var (low, high, fraction) = columns[x];
            target[x] = row[low] * (1 - fraction) + row[high] * fraction;
        }
    }

    private static void Mix(ReadOnlySpan<float> top, ReadOnlySpan<float> bottom, float fraction, Span<float> target)
    {
        int x = 0;
        for (; x <= target.Length - Vector<float>.Count; x += Vector<float>.Count)
            (new Vector<float>(top[x..]) * (1 - fraction) + new Vector<float>(bottom[x..]) * fraction).CopyTo(target[x..]);
        for (; x < target.Length; x++) target[x] = top[x] * (1 - fraction) + bottom[x] * fraction;
    }

    /// <summary>The two positions of <paramref name="from"/> that position <paramref name="i"/> of <paramref name="to"/>
    /// lies between.</summary>
    internal static (int Low, int High, float Fraction) Taps(int i, int from, int to)
    {
        float at = Math.Max((i + 0.5f) * from / to - 0.5f, 0);
        int low = Math.Min((int)at, from - 1);
        return (low, Math.Min(low + 1, from - 1), at - low);
    }
}
