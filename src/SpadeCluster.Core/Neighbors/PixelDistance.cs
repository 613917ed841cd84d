using System.Runtime.Intrinsics;

namespace SpadeCluster.Neighbors;

/// <summary>
/// The definition of a cell distance: sum over channels of w_c (a_c - b_c)^2 in float32, channel c accumulated into lane
/// c mod 16, the 16 lanes added pairwise (8 apart, then 4, 2, 1). Every search returns exactly these bits, whatever it
/// used to find the pair, so results depend on no thread count, shard count or vector width.
/// </summary>
public static unsafe class PixelDistance
{
    /// <summary>Accumulators. Rows padded with zeros to a multiple of it have the same distances: padding adds +0.</summary>
    internal const int Lanes = 16;

    /// <summary>Squared distance of two cells of one level.</summary>
    /// <param name="weights">Channel weights, or empty for all 1.</param>
    public static float Squared(ReadOnlySpan<float> a, ReadOnlySpan<float> b, ReadOnlySpan<float> weights)
    {
        if (b.Length != a.Length || (!weights.IsEmpty && weights.Length != a.Length))
            throw new ArgumentException("cells and weights differ in length");
        float* lanes = stackalloc float[Lanes];
        int whole = a.Length & ~(Lanes - 1);
        fixed (float* pa = a, pb = b, pw = weights)
        {
            Accumulate(pa, pb, pw, whole, lanes, SimdPaths.Best);
            AccumulateScalar(pa, pb, pw, whole, a.Length, lanes);
        }
        return Sum(lanes);
    }

    /// <summary>The same over rows padded to whole lanes.</summary>
    /// <param name="length">A multiple of <see cref="Lanes"/>.</param>
    internal static float Squared(float* a, float* b, float* weights, int length, SimdPath path)
    {
        if (path == SimdPath.Vector512)
        {
            var sum = Accumulate512(a, b, weights, length);
            return Sum(sum.GetLower() + sum.GetUpper());
        }
        if (path == SimdPath.Vector256)
        {
            var (low, high) = Accumulate256(a, b, weights, length);
            return Sum(low + high);
        }
        float* lanes = stackalloc float[Lanes];
        Accumulate(a, b, weights, length, lanes, path);
        return Sum(lanes);
    }

    /// <summary>One channel at a time: the reference the vector paths are tested against.</summary>
    internal static float SquaredScalar(ReadOnlySpan<float> a, ReadOnlySpan<float> b, ReadOnlySpan<float> weights)
    {
        float* lanes = stackalloc float[Lanes];
        new Span<float>(lanes, Lanes).Clear();
        fixed (float* pa = a, pb = b, pw = weights)
            AccumulateScalar(pa, pb, pw, 0, a.Length, lanes);
        return Sum(lanes);
    }

    private static void Accumulate(float* a, float* b, float* weights, int length, float* lanes, SimdPath path)
    {
        switch (path)
        {
            case SimdPath.Vector512:
                Accumulate512(a, b, weights, length).Store(lanes);
                break;
            case SimdPath.Vector256:
                var (low, high) = Accumulate256(a, b, weights, length);
                low.Store(lanes);
                high.Store(lanes + 8);
                break;
            default:
                new Span<float>(lanes, Lanes).Clear();
                AccumulateScalar(a, b, weights, 0, length, lanes);
                break;
        }
    }

    private static Vector512<float> Accumulate512(float* a, float* b, float* weights, int length)
    {
        var sum = Vector512<float>.Zero;
        if (weights == null)
        {
            for (int i = 0; i < length; i += Lanes)
            {
                var d = Vector512.Load(a + i) - Vector512.Load(b + i);
                sum += d * d;
            }
        }
        else
        {
            for (int i = 0; i < length; i += Lanes)
            {
                var d = Vector512.Load(a + i) - Vector512.Load(b + i);
                sum += d * d * Vector512.Load(weights + i);
            }
        }
        return sum;
    }

    private static (Vector256<float> Low, Vector256<float> High) Accumulate256(float* a, float* b, float* weights, int length)
    {
        Vector256<float> low = default, high = default;
        for (int i = 0; i < length; i += Lanes)
        {
            var d = Vector256.Load(a + i) - Vector256.Load(b + i);
            var e = Vector256.Load(a + i + 8) - Vector256.Load(b + i + 8);
            low += weights == null ? d * d : d * d * Vector256.Load(weights + i);
            high += weights == null ? e * e : e * e * Vector256.Load(weights + i + 8);
        }
        return (low, high);
    }

    private static void AccumulateScalar(float* a, float* b, float* weights, int from, int to, float* lanes)
    {
        for (int i = from; i < to; i++)
        {
            float d = a[i] - b[i];
            lanes[i % Lanes] += weights == null ? d * d : d * d * weights[i];
        }
    }

    private static float Sum(float* lanes)
    {
        for (int half = Lanes / 2; half > 0; half /= 2)
            for (int i = 0; i < half; i++) lanes[i] += lanes[i + half];
        return lanes[0];
    }

    /// <summary>The pairwise sum from 4 apart on; <paramref name="eight"/> holds the lanes already added 8 apart.</summary>
    private static float Sum(Vector256<float> eight)
    {
        var four = eight.GetLower() + eight.GetUpper();
        var two = four + Vector128.Shuffle(four, Vector128.Create(2, 3, 2, 3));
        return two.GetElement(0) + two.GetElement(1);
    }
}
