using System.Numerics;
using System.Runtime.InteropServices;

namespace SpadeCluster.Scoring;

/// <summary>
/// Separable Gaussian smoothing, truncated at 4 sigma, reflecting border (d c b a | a b c d | d c b a), as
/// scipy.ndimage.gaussian_filter. Taps are added in one order at every pixel, so neither the vector width nor the number of threads
/// changes a bit.
/// </summary>
public sealed class GaussianFilter
{
    /// <summary>Columns that are smoothed together, so that the rows of all taps stay in the first-level cache.</summary>
    private const int Strip = 64;

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
    public void Apply(float[] map, int height, int width)
    {
        if (_radius == 0) return;
        var smoothed = GC.AllocateUninitializedArray<float>(height * width);
        RowBlocks.Run(height, width, (first, end) =>
        {
            int[] rows = new int[_taps.Length];
            for (int x = 0; x < width; x += Strip)
                for (int y = first; y < end; y++)
                {
                    for (int t = 0; t < rows.Length; t++) rows[t] = Reflect(y + t - _radius, height) * width + x;
                    Sum(map, rows, smoothed.AsSpan(y * width + x, Math.Min(Strip, width - x)));
                }
        });
        RowBlocks.Run(height, width, (first, end) =>
        {
            float[] padded = new float[width + 2 * _radius];
            int[] shifts = [.. Enumerable.Range(0, _taps.Length)];
            for (int y = first; y < end; y++)
            {
                var row = smoothed.AsSpan(y * width, width);
                row.CopyTo(padded.AsSpan(_radius));
                for (int i = 1; i <= _radius; i++)
                    (padded[_radius - i], padded[_radius + width - 1 + i]) = (row[Reflect(-i, width)], row[Reflect(width - 1 + i, width)]);
                Sum(padded, shifts, map.AsSpan(y * width, width));
            }
        });
    }

    /// <summary>Weighted sums of as many stretches of values as there are taps.</summary>
    /// <param name="starts">[tap]: where its stretch begins.</param>
    private void Sum(float[] source, int[] starts, Span<float> target)
    {
        int count = Vector<float>.Count, x = 0;
        // Four vectors of sums at a time, which stay in registers.
        for (; x <= target.Length - 4 * count; x += 4 * count)
        {
            Vector<float> a = default, b = default, c = default, d = default;
            for (int t = 0; t < starts.Length; t++)
            {
                ref float from = ref MemoryMarshal.GetReference(source.AsSpan(starts[t] + x, 4 * count));
                var tap = new Vector<float>(_taps[t]);
                a += Vector.LoadUnsafe(ref from) * tap;
                b += Vector.LoadUnsafe(ref from, (nuint)count) * tap;
                c += Vector.LoadUnsafe(ref from, (nuint)(2 * count)) * tap;
                d += Vector.LoadUnsafe(ref from, (nuint)(3 * count)) * tap;
            }
            ref float to = ref target[x];
            a.StoreUnsafe(ref to);
            b.StoreUnsafe(ref to, (nuint)count);
            c.StoreUnsafe(ref to, (nuint)(2 * count));
            d.StoreUnsafe(ref to, (nuint)(3 * count));
        }
        for (; x < target.Length; x++)
        {
            float sum = 0;
            for (int t = 0; t < starts.Length; t++) sum += source[starts[t] + x] * _taps[t];
            target[x] = sum;
        }
    }

    internal static int Reflect(int i, int n)
    {
        while (i < 0 || i >= n) i = i < 0 ? -1 - i : 2 * n - 1 - i;
        return i;
    }
}
