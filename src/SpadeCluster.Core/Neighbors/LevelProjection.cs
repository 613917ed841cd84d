using System.Runtime.Intrinsics;

namespace SpadeCluster.Neighbors;

/// <summary>
/// The leading principal directions of a level, for bounding all pairs of one level alone: rows are projected when their
/// tile is loaded and then bounded as rows are (<see cref="CentredRows"/>), in a quarter of the coordinates. With V the
/// directions rounded to int16, a' = V'(a + e_a) and |e_a| at most eta |a|: |a' - b'| is at most |V| (|a - b| + eta (|a| + |b|)),
/// so |a - b|^2 >= keep |a' - b'|^2 - penalty (|a|^2 + |b|^2) with keep = 1 / ((1 + delta) |V|^2), penalty = 2 eta^2 / delta.
/// V'(a + e_a) is a product of integers, and therefore exact; |V| is bounded by the difference of V'V from 1.
/// </summary>
internal sealed unsafe class LevelProjection
{
    private const double Range = 32_000, Delta = 1e-3;
    private readonly AlignedBuffer<short> _directions;
    private readonly float _keep, _penalty, _loss;
    private readonly int _pairs;

    /// <param name="basis">[direction][channel]: orthonormal, or nearly.</param>
    public LevelProjection(float[][] basis)
    {
        int channels = basis[0].Length, padded = (channels + PixelDistance.Lanes - 1) / PixelDistance.Lanes * PixelDistance.Lanes;
        (_pairs, Length) = (padded / 2, (basis.Length + RootKernel.Group - 1) / RootKernel.Group * RootKernel.Group);
        double[][] rounded = [.. basis.Select(v => v.Select(x => Math.Clamp(Math.Round(x * Range), -Range, Range)).ToArray())];
        _directions = new AlignedBuffer<short>((long)Length * padded);
        for (int k = 0; k < rounded.Length; k++)
            for (int c = 0; c < channels; c++)
                _directions.Pointer[((k / RootKernel.Group * _pairs + c / 2) * RootKernel.Group + k % RootKernel.Group) * 2 + c % 2] =
                    (short)rounded[k][c];
        double eta = 0.51 * Math.Sqrt(channels) / Range + 2e-6;
        // 1e-4 covers float32 rounding, of the definition as well.
        _keep = (float)((1 - 1e-4) / ((1 + Delta) * SquaredNorm(rounded)));
        _penalty = (float)(2 * eta * eta / Delta * 1.001);
        _loss = CentredRows.Loss(Length);
    }

    /// <summary>Coordinates of a projection: whole groups of the root kernel.</summary>
    public int Length { get; }

    /// <summary>Factor of the product of two factors and the integer product.</summary>
    public float Scale => 2 * _keep;

    /// <summary>Projects int16 rows; <paramref name="factors"/> are their scales.</summary>
    /// <param name="coordinates">Receives [row][<see cref="Length"/>].</param>
    public void Project(short* rows, float* factors, int count, float* coordinates, SimdPath path)
    {
        float* scales = stackalloc float[RootKernel.TileRows];
        for (int r = 0; r < count; r++) scales[r] = factors[r] * (float)(1 / Range);
        RootKernel.Project(_directions.Pointer, Length / RootKernel.Group, rows, scales, count, _pairs, coordinates, path);
    }

    /// <summary>Rounds the coordinates of one row to int16; returns its term and factor.</summary>
    /// <param name="rowTerm">The row's own term, its squared norm up to a little.</param>
    public (float Term, float Factor) Quantise(float* coordinates, float rowTerm, short* codes)
    {
        Vector256<float> n0 = default, n1 = default;
        for (int k = 0; k < Length; k += 16)
        {
            Vector256<float> a = Vector256.Load(coordinates + k), b = Vector256.Load(coordinates + k + 8);
            n0 += a * a;
            n1 += b * b;
        }
        float norm = Vector256.Sum(n0 + n1), factor = CentredRows.Quantise(coordinates, norm, codes, Length);
        float term = _keep * CentredRows.Additive(norm, factor, _loss) - _penalty * 1.01f * rowTerm - CentredRows.Underflow;
        // An unquantisable row has no bound here either: its term is -infinity, and so would be its product with a penalty.
        return (float.IsFinite(rowTerm) && float.IsFinite(term) ? term : float.NegativeInfinity, factor);
    }

    /// <summary>At least the largest eigenvalue of V'V: 1 and the Frobenius norm of the rest.</summary>
    private static double SquaredNorm(double[][] rounded)
    {
        double rest = 0;
        for (int i = 0; i < rounded.Length; i++)
            for (int j = 0; j <= i; j++)
            {
                double dot = 0;
                for (int c = 0; c < rounded[i].Length; c++) dot += rounded[i][c] * rounded[j][c];
                dot = dot / (Range * Range) - (i == j ? 1 : 0);
                rest += (i == j ? 1 : 2) * dot * dot;
            }
        return 1 + Math.Sqrt(rest);
    }
}
