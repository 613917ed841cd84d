using System.Numerics;

namespace SpadeCluster.Scoring;

/// <summary>
/// Separable Gaussian smoothing, truncated at 4 sigma, reflecting border (d c b a | a b c d | d c b a), as
/// scipy.ndimage.gaussian_filter. Taps are added in one order at every pixel, so the vector width changes no bit.
/// </summary>
public sealed class GaussianFilter
{
    private readonly float[] _taps;
    private readonly int _radius;

    public GaussianFilter(double sigma)
    {
        _radius = (int)(4 * sigma + 0.5);
        var taps = new double[2 * _radius + 1];
        for (int i = 0; i < taps.Length; i++) taps[i] = sigma == 0 ? 1 : Math.Exp(-0.5 * Math.Pow((i - _radius) / sigma, 2));
        double sum = taps.Sum();
        _taps = [.. taps.Select(t => (float)(t / sum))];
    }

    /// <summary>Smooths <paramref name="map"/> ([height][width]) in place.</summary>
    public void Apply(Span<float> map, int height, int width)
    {
        if (_radius == 0) return;
        var padded = new float[Math.Max(height * width, width + 2 * _radius)];
        // Down the columns: every output row is a weighted sum of whole input rows.
        for (int y = 0; y < height; y++)
        {
            var target = padded.AsSpan(y * width, width);
            for (int t = 0; t < _taps.Length; t++)
                AddScaled(map.Slice(Reflect(y + t - _radius, height) * width, width), _taps[t], target);
        }
        padded.AsSpan(0, height * width).CopyTo(map);
        // Along the rows: a row with its reflected border, shifted once per tap.
        for (int y = 0; y < height; y++)
        {
            var row = map.Slice(y * width, width);
            for (int x = -_radius; x < width + _radius; x++) padded[x + _radius] = row[Reflect(x, width)];
            row.Clear();
            for (int t = 0; t < _taps.Length; t++) AddScaled(padded.AsSpan(t, width), _taps[t], row);
        }
    }

    private static void AddScaled(ReadOnlySpan<float> source, float factor, Span<float> target)
    {
        int i = 0;
        for (; i <= target.Length - Vector<float>.Count; i += Vector<float>.Count)
            (new Vector<float>(target[i..]) + new Vector<float>(source[i..]) * factor).CopyTo(target[i..]);
        for (; i < target.Length; i++) target[i] += source[i] * factor;
    }

    internal static int Reflect(int i, int n)
    {
        while (i < 0 || i >= n) i = i < 0 ? -1 - i : 2 * n - 1 - i;
        return i;
    }
}
