using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace SpadeCluster.Neighbors;

/// <summary>
/// The definition of a cell distance, ||a - b||^2 of SPADE's equations (2) and (3): the sum over channels of
/// w_c (a_c - b_c)^2 in float32. Channel c is accumulated into lane c mod 64, and the 64 lanes are added pairwise (32 apart,
/// then 16, 8, 4, 2, 1): four independent 512-bit sums, so that no addition waits for the one before. Every search returns
/// exactly these bits, so results depend on no thread count, shard count or vector width.
/// </summary>
public static unsafe class PixelDistance
{
    /// <summary>Accumulators. Rows padded with zeros to a multiple of it have the same distances: padding adds +0.</summary>
    internal const int Lanes = 64;

    /// <summary>Squared distance of two cells of one level, or of two pooled features.</summary>
    /// <param name="weights">Channel weights, or empty for all 1.</param>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
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
    [SkipLocalsInit]
    internal static float Squared(float* a, float* b, float* weights, int length, SimdPath path)
    {
        if (path == SimdPath.Vector512) return Sum(Accumulate512(a, b, weights, length));
        float* lanes = stackalloc float[Lanes];
        Accumulate(a, b, weights, length, lanes, path);
        return path == SimdPath.Vector256 ? Sum256(lanes) : Sum(lanes);
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
                var (s0, s1, s2, s3) = Accumulate512(a, b, weights, length);
                s0.Store(lanes);
                s1.Store(lanes + 16);
                s2.Store(lanes + 32);
                s3.Store(lanes + 48);
                break;
            case SimdPath.Vector256:
                Accumulate256(a, b, weights, length, lanes);
                break;
            default:
                new Span<float>(lanes, Lanes).Clear();
                AccumulateScalar(a, b, weights, 0, length, lanes);
                break;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector512<float>, Vector512<float>, Vector512<float>, Vector512<float>) Accumulate512(float* a, float* b,
        float* weights, int length)
    {
        Vector512<float> s0 = default, s1 = default, s2 = default, s3 = default;
        if (weights == null)
        {
            for (nint i = 0; i < length; i += Lanes)
            {
                var d0 = Vector512.Load(a + i) - Vector512.Load(b + i);
                var d1 = Vector512.Load(a + i + 16) - Vector512.Load(b + i + 16);
                var d2 = Vector512.Load(a + i + 32) - Vector512.Load(b + i + 32);
                var d3 = Vector512.Load(a + i + 48) - Vector512.Load(b + i + 48);
                s0 += d0 * d0;
                s1 += d1 * d1;
                s2 += d2 * d2;
                s3 += d3 * d3;
            }
            return (s0, s1, s2, s3);
        }
        for (nint i = 0; i < length; i += Lanes)
        {
            var d0 = Vector512.Load(a + i) - Vector512.Load(b + i);
            var d1 = Vector512.Load(a + i + 16) - Vector512.Load(b + i + 16);
            var d2 = Vector512.Load(a + i + 32) - Vector512.Load(b + i + 32);
            var d3 = Vector512.Load(a + i + 48) - Vector512.Load(b + i + 48);
            s0 += d0 * d0 * Vector512.Load(weights + i);
            s1 += d1 * d1 * Vector512.Load(weights + i + 16);
            s2 += d2 * d2 * Vector512.Load(weights + i + 32);
            s3 += d3 * d3 * Vector512.Load(weights + i + 48);
        }
        return (s0, s1, s2, s3);
    }

    private static void Accumulate256(float* a, float* b, float* weights, int length, float* lanes)
    {
        Vector256<float> s0 = default, s1 = default, s2 = default, s3 = default, s4 = default, s5 = default, s6 = default, s7 = default;
        if (weights == null)
        {
            for (nint i = 0; i < length; i += Lanes)
            {
                s0 += Square(a + i, b + i);
                s1 += Square(a + i + 8, b + i + 8);
                s2 += Square(a + i + 16, b + i + 16);
                s3 += Square(a + i + 24, b + i + 24);
                s4 += Square(a + i + 32, b + i + 32);
                s5 += Square(a + i + 40, b + i + 40);
                s6 += Square(a + i + 48, b + i + 48);
                s7 += Square(a + i + 56, b + i + 56);
            }
        }
        else
        {
            for (nint i = 0; i < length; i += Lanes)
            {
                s0 += Square(a + i, b + i) * Vector256.Load(weights + i);
                s1 += Square(a + i + 8, b + i + 8) * Vector256.Load(weights + i + 8);
                s2 += Square(a + i + 16, b + i + 16) * Vector256.Load(weights + i + 16);
                s3 += Square(a + i + 24, b + i + 24) * Vector256.Load(weights + i + 24);
                s4 += Square(a + i + 32, b + i + 32) * Vector256.Load(weights + i + 32);
                s5 += Square(a + i + 40, b + i + 40) * Vector256.Load(weights + i + 40);
                s6 += Square(a + i + 48, b + i + 48) * Vector256.Load(weights + i + 48);
                s7 += Square(a + i + 56, b + i + 56) * Vector256.Load(weights + i + 56);
            }
        }
        s0.Store(lanes);
        s1.Store(lanes + 8);
        s2.Store(lanes + 16);
        s3.Store(lanes + 24);
        s4.Store(lanes + 32);
        s5.Store(lanes + 40);
        s6.Store(lanes + 48);
        s7.Store(lanes + 56);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Square(float* a, float* b)
    {
        var d = Vector256.Load(a) - Vector256.Load(b);
        return d * d;
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

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Sum((Vector512<float> S0, Vector512<float> S1, Vector512<float> S2, Vector512<float> S3) lanes)
    {
        var sixteen = lanes.S0 + lanes.S2 + (lanes.S1 + lanes.S3);
        return Sum(sixteen.GetLower() + sixteen.GetUpper());
    }

    private static float Sum256(float* lanes)
    {
        var even = Vector256.Load(lanes) + Vector256.Load(lanes + 32) + (Vector256.Load(lanes + 16) + Vector256.Load(lanes + 48));
        var odd = Vector256.Load(lanes + 8) + Vector256.Load(lanes + 40) + (Vector256.Load(lanes + 24) + Vector256.Load(lanes + 56));
        return Sum(even + odd);
    }

    /// <summary>The pairwise sum from 4 apart on; <paramref name="eight"/> holds the lanes already added down to 8 apart.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Sum(Vector256<float> eight)
    {
        var four = eight.GetLower() + eight.GetUpper();
        var two = four + Vector128.Shuffle(four, Vector128.Create(2, 3, 2, 3));
        return two.GetElement(0) + two.GetElement(1);
    }
}
