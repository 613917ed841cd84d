using System.Runtime.Intrinsics;

namespace SpadeCluster.Neighbors;

/// <summary>
/// The definition of a cell distance: sum over channels of w_c (a_c - b_c)^2 in float32, channel c accumulated into lane
/// c mod 16, the 16 lanes added pairwise (8 apart, then 4, 2, 1). Every search returns exactly these bits, whatever it
/// used to find the pair, so results depend on no thread count, shard count or vector width.
/// </summary>
public static class PixelDistance
{
    private const int Lanes = 16;

    /// <summary>Squared distance of two cells of one level.</summary>
    /// <param name="weights">Channel weights, or empty for all 1.</param>
    public static float Squared(ReadOnlySpan<float> a, ReadOnlySpan<float> b, ReadOnlySpan<float> weights)
    {
        if (!Vector512.IsHardwareAccelerated && !Vector256.IsHardwareAccelerated) return SquaredScalar(a, b, weights);
        int i = 0, whole = a.Length & ~(Lanes - 1);
        Vector256<float> low, high;
        if (Vector512.IsHardwareAccelerated)
        {
            var sum = Vector512<float>.Zero;
            for (; i < whole; i += Lanes)
            {
                var d = Vector512.LoadUnsafe(in a[i]) - Vector512.LoadUnsafe(in b[i]);
                sum += weights.IsEmpty ? d * d : d * d * Vector512.LoadUnsafe(in weights[i]);
            }
            (low, high) = (sum.GetLower(), sum.GetUpper());
        }
        else
        {
            low = high = Vector256<float>.Zero;
            for (; i < whole; i += Lanes)
            {
                var d = Vector256.LoadUnsafe(in a[i]) - Vector256.LoadUnsafe(in b[i]);
                var e = Vector256.LoadUnsafe(in a[i + 8]) - Vector256.LoadUnsafe(in b[i + 8]);
                low += weights.IsEmpty ? d * d : d * d * Vector256.LoadUnsafe(in weights[i]);
                high += weights.IsEmpty ? e * e : e * e * Vector256.LoadUnsafe(in weights[i + 8]);
            }
        }
        Span<float> lanes = stackalloc float[Lanes];
        low.CopyTo(lanes);
        high.CopyTo(lanes[8..]);
        return Finish(a, b, weights, i, lanes);
    }

    /// <summary>The same, one channel at a time: the reference the vector paths are tested against.</summary>
    internal static float SquaredScalar(ReadOnlySpan<float> a, ReadOnlySpan<float> b, ReadOnlySpan<float> weights)
    {
        Span<float> lanes = stackalloc float[Lanes];
        lanes.Clear();
        return Finish(a, b, weights, 0, lanes);
    }

    private static float Finish(ReadOnlySpan<float> a, ReadOnlySpan<float> b, ReadOnlySpan<float> weights, int from, Span<float> lanes)
    {
        for (int i = from; i < a.Length; i++)
        {
            float d = a[i] - b[i];
            lanes[i % Lanes] += weights.IsEmpty ? d * d : d * d * weights[i];
        }
        for (int half = Lanes / 2; half > 0; half /= 2)
            for (int i = 0; i < half; i++) lanes[i] += lanes[i + half];
        return lanes[0];
    }
}
