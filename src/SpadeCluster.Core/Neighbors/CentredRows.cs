using System.Runtime.Intrinsics;
using SpadeCluster.Features;

namespace SpadeCluster.Neighbors;

/// <summary>
/// Rows as the bounds see them: x = (value - mean) * sqrt(weight), and x rounded to int16 with a scale per row.
/// With a = s_a q_a + e_a and |e_a| at most eta |a| (and b likewise), a.b is at most s_a s_b q_a.q_b + |a||b|(2 eta + 3 eta^2),
/// so |a - b|^2 >= (1 - 2 eta - 3 eta^2)(|a|^2 + |b|^2) - 2 s_a s_b q_a.q_b, where q_a.q_b is exact in int32 because the
/// norms of q stay below <see cref="Range"/>. The relative <see cref="Loss"/> also covers all float32 rounding on the way.
/// </summary>
internal static unsafe class CentredRows
{
    /// <summary>Norm of a quantised row: no component leaves int16, no dot product int32.</summary>
    private const float Range = 32_000;

    /// <summary>2 eta + 3 eta^2 and rounding, for rows of <paramref name="channels"/> values.</summary>
    public static float Loss(int channels)
    {
        double eta = 0.51 * Math.Sqrt(channels) / Range + 1e-6;
        return (float)(2 * eta + 3 * eta * eta + channels / 8.0 / (1 << 24) + 1.0 / (1 << 18));
    }

    /// <summary>Centres one row of halves; returns its squared norm.</summary>
    /// <param name="mean">Padded like <paramref name="x"/>; so is <paramref name="rootWeights"/> (null: all 1).</param>
    /// <param name="x">Receives the row, padded with zeros to <paramref name="padded"/>, a multiple of 16.</param>
    public static float Centre(ReadOnlySpan<Half> row, float* mean, float* rootWeights, float* x, int padded)
    {
        HalfConversion.Widen(row, new Span<float>(x, row.Length));
        for (int i = row.Length; i < padded; i++) x[i] = 0;
        return Centre(x, mean, rootWeights, x, padded);
    }

    /// <summary>Centres one widened row (in place when <paramref name="x"/> is <paramref name="row"/>); padding has mean 0.</summary>
    public static float Centre(float* row, float* mean, float* rootWeights, float* x, int padded)
    {
        Vector256<float> n0 = default, n1 = default;
        for (int i = 0; i < padded; i += 16)
        {
            var a = Vector256.Load(row + i) - Vector256.Load(mean + i);
            var b = Vector256.Load(row + i + 8) - Vector256.Load(mean + i + 8);
            if (rootWeights != null)
            {
                a *= Vector256.Load(rootWeights + i);
                b *= Vector256.Load(rootWeights + i + 8);
            }
            a.Store(x + i);
            b.Store(x + i + 8);
            n0 += a * a;
            n1 += b * b;
        }
        return Vector256.Sum(n0 + n1);
    }

    /// <summary>Rounds a centred row to int16; returns its scale (0 for a zero row).</summary>
    public static float Quantise(float* x, float squaredNorm, short* q, int padded)
    {
        float scale = MathF.Sqrt(squaredNorm) / Range, inverse = 1 / scale;
        if (!float.IsFinite(inverse) || !float.IsFinite(scale))
        {
            new Span<short>(q, padded).Clear();
            return 0;
        }
        // Adding 1.5 * 2^23 leaves the nearest integer in the low bits of the float.
        var magic = Vector256.Create(12582912f);
        var invert = Vector256.Create(inverse);
        for (int i = 0; i < padded; i += 16)
        {
            var a = Vector256.FusedMultiplyAdd(Vector256.Load(x + i), invert, magic).AsInt32() - magic.AsInt32();
            var b = Vector256.FusedMultiplyAdd(Vector256.Load(x + i + 8), invert, magic).AsInt32() - magic.AsInt32();
            Vector256.Narrow(a, b).Store(q + i);
        }
        return scale;
    }

    /// <summary>The additive term of a row's bound. A row too large or too small to quantise gets -infinity: no bound.</summary>
    public static float Additive(float squaredNorm, float scale, float loss) =>
        scale == 0 && squaredNorm != 0 || !(squaredNorm < Largest) ? float.NegativeInfinity : squaredNorm * (1 - loss) - Underflow;

    /// <summary>Sums of two terms must stay finite.</summary>
    private const float Largest = 1e37f;

    /// <summary>Covers what squares lost below float32's smallest number.</summary>
    public const float Underflow = 1e-30f;

    /// <summary>
    /// Interleaves four int16 rows for the block kernel: [pair of channels][row][2], so that one 32-bit lane holds a
    /// channel pair of one row.
    /// </summary>
    public static void Interleave(short* r0, short* r1, short* r2, short* r3, int pairs, short* destination)
    {
        int* a = (int*)r0, b = (int*)r1, c = (int*)r2, d = (int*)r3, to = (int*)destination;
        for (int k = 0; k < pairs; k++, to += 4)
            (to[0], to[1], to[2], to[3]) = (a[k], b[k], c[k], d[k]);
    }

    /// <summary>A padded native copy of per-channel values.</summary>
    public static AlignedBuffer<float> Padded(ReadOnlySpan<float> values, int padded)
    {
        var copy = new AlignedBuffer<float>(padded);
        values.CopyTo(new Span<float>(copy.Pointer, padded));
        return copy;
    }
}
