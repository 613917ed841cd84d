namespace SpadeCluster.Scoring;

/// <summary>Bilinear enlargement with half-pixel centres and clamped borders (PyTorch's align_corners=False).</summary>
public static class BilinearUpsampling
{
    /// <param name="source">[sourceHeight][sourceWidth].</param>
    /// <param name="destination">[height][width]; overwritten, or added to where <paramref name="add"/> is set.</param>
    public static void Resize(ReadOnlySpan<float> source, int sourceHeight, int sourceWidth, Span<float> destination, int height, int width,
        bool add = false)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(source.Length, sourceHeight * sourceWidth, nameof(source));
        ArgumentOutOfRangeException.ThrowIfNotEqual(destination.Length, height * width, nameof(destination));
        Span<float> row = width <= 1024 ? stackalloc float[width] : new float[width];
        for (int y = 0; y < height; y++)
        {
            var (y0, y1, fy) = Taps(y, sourceHeight, height);
            var top = source.Slice(y0 * sourceWidth, sourceWidth);
            var bottom = source.Slice(y1 * sourceWidth, sourceWidth);
            for (int x = 0; x < width; x++)
            {
                var (x0, x1, fx) = Taps(x, sourceWidth, width);
                float a = top[x0] * (1 - fx) + top[x1] * fx, b = bottom[x0] * (1 - fx) + bottom[x1] * fx;
                row[x] = a * (1 - fy) + b * fy;
            }
            var target = destination.Slice(y * width, width);
            if (!add) row.CopyTo(target);
            else for (int x = 0; x < width; x++) target[x] += row[x];
        }
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
