using System.Runtime.Intrinsics;

namespace SpadeCluster.Neighbors;

/// <summary>
/// A short code of a cell whose distances bound the cell's from below. With x the centred, weighted row and V leading
/// principal directions, x -> (clamp(V'x), clamp(|x - V V'x|)) moves no two rows further apart, so the distance of two
/// such sketches is at most that of the rows: clamping needs no margin. Gallery sketches are rounded to int8 with a scale
/// per coordinate; the query's absorb those scales and are int16. With g the rounded and e the rounding error,
/// |a - g - e|^2 >= (1 - delta)|a - g|^2 - (1/delta - 1)|e|^2 for every delta, which leaves a dot product per pair:
/// bound = query term + gallery term - scale * (int16 . int8), and one Half per gallery cell for its term.
/// </summary>
internal sealed unsafe class LevelSketch
{
    private readonly AlignedBuffer<float> _mean, _basis;
    private readonly AlignedBuffer<float>? _rootWeights;
    private readonly float[] _box, _step;
    private readonly float _residualMean, _queryUnit, _unit, _keep, _penalty, _numeric;
    private readonly int _channels, _padded;

    /// <param name="basis">[direction][channel]: orthonormal rows.</param>
    /// <param name="deviation">Standard deviation of each sketch coordinate over normals, the residual norm last.</param>
    public LevelSketch(float[] mean, float[]? rootWeights, float[][] basis, float residualMean, float[] deviation)
    {
        _channels = mean.Length;
        _padded = (_channels + PixelDistance.Lanes - 1) / PixelDistance.Lanes * PixelDistance.Lanes;
        _mean = CentredRows.Padded(mean, _padded);
        _rootWeights = rootWeights is null ? null : CentredRows.Padded(rootWeights, _padded);
        Directions = basis.Length;
        Length = CodeLength(Directions);
        _basis = new AlignedBuffer<float>(_padded * ((Directions + 3) / 4 * 4));
        for (int k = 0; k < Directions; k++)
            basis[k].CopyTo(new Span<float>(_basis.Pointer + k * _padded, _channels));
        _residualMean = residualMean;

        (_box, _step) = (new float[Length], new float[Length]);
        double squares = 0, variance = 0, maximum = 0;
        for (int k = 0; k <= Directions; k++)
        {
            _box[k] = 4 * deviation[k];
            _step[k] = _box[k] / 127;
            squares += _step[k] * _step[k] / 12;
            variance += (double)deviation[k] * deviation[k];
            _unit += _box[k] * _box[k];
            maximum = Math.Max(maximum, (double)_box[k] * _step[k]);
        }
        _queryUnit = (float)(maximum / 32767);
        // The best delta is the rounding error over the distance; distances worth bounding well are below the mean
        // distance of two normals, 2 * variance. Any value is right; only tightness depends on it.
        double delta = Math.Clamp(Math.Sqrt(squares / Math.Max(0.6 * variance, 1e-30)), 1e-3, 0.5);
        _keep = (float)((1 - delta) * (1 - 1e-4));
        _penalty = (float)(1 / delta - 1);
        // Rounding of the float32 projection, relative to the row's norm.
        _numeric = (float)((_channels / 8 + 8) * Math.Sqrt(Length) / (1 << 24) * 2);
        Usable = float.IsNormal(_unit) && float.IsNormal(_queryUnit);
    }

    /// <summary>Principal directions kept; one more coordinate is the norm of the rest.</summary>
    public int Directions { get; }

    /// <summary>Coordinates of a sketch, even (an odd one out is always 0).</summary>
    public int Length { get; }

    public static int CodeLength(int directions) => (directions + 2) / 2 * 2;

    /// <summary>False when the normals had no variance, or too much for float32: the sketch then bounds nothing.</summary>
    public bool Usable { get; }

    /// <summary>Factor of the integer dot product.</summary>
    public float Scale => 2 * _keep * _queryUnit;

    /// <summary>A stored gallery term in distance units.</summary>
    public float GalleryTerm(Half stored) => (float)stored * _unit;

    /// <summary>Encodes one gallery row.</summary>
    /// <param name="x">Scratch for a padded row, 64-byte aligned.</param>
    /// <param name="code">Receives <see cref="Length"/> values.</param>
    /// <returns>The gallery term, rounded down.</returns>
    public Half EncodeGallery(ReadOnlySpan<Half> row, float* x, Span<sbyte> code)
    {
        float norm = CentredRows.Centre(row, _mean.Pointer, Root, x, _padded);
        Span<float> y = stackalloc float[Length];
        Project(x, y);
        double squared = 0, error = 0;
        int absolute = 0;
        for (int k = 0; k < Length; k++)
        {
            float v = Math.Clamp(y[k], -_box[k], _box[k]);
            int q = _step[k] > 0 ? (int)Math.Clamp(MathF.Round(v / _step[k]), -127, 127) : 0;
            code[k] = (sbyte)q;
            absolute += Math.Abs(q);
            double g = (double)q * _step[k];
            squared += g * g;
            error += (v - g) * (v - g);
        }
        double e = Math.Sqrt(error) + _numeric * Math.Sqrt(norm);
        // 1.01 here and 101 on the query side: (e_a + e_g)^2 <= 101 e_a^2 + 1.01 e_g^2.
        double term = _keep * (squared * (1 - 1e-6) - _queryUnit * (double)absolute) - _penalty * 1.01 * e * e - CentredRows.Underflow;
        return RoundDown(term / _unit);
    }

    /// <summary>Encodes one widened query row; returns the query term.</summary>
    public float EncodeQuery(float* row, float* x, Span<short> code)
    {
        float norm = CentredRows.Centre(row, _mean.Pointer, Root, x, _padded);
        Span<float> y = stackalloc float[Length];
        Project(x, y);
        double squared = 0;
        for (int k = 0; k < Length; k++)
        {
            float v = Math.Clamp(y[k], -_box[k], _box[k]);
            code[k] = (short)MathF.Round(v * _step[k] / _queryUnit);
            squared += (double)v * v;
        }
        double e = _numeric * Math.Sqrt(norm);
        float term = (float)(_keep * squared * (1 - 1e-6) - _penalty * 101 * e * e - CentredRows.Underflow);
        return float.IsNaN(term) ? float.NegativeInfinity : term;
    }

    private float* Root => _rootWeights is null ? null : _rootWeights.Pointer;

    /// <summary>y = (V'x, |x - V V'x| - its mean over normals, 0...); destroys x.</summary>
    private void Project(float* x, Span<float> y)
    {
        y.Clear();
        float* v = _basis.Pointer;
        for (int k = 0; k < Directions; k += 4, v += 4 * _padded)
        {
            Vector256<float> s0 = default, s1 = default, s2 = default, s3 = default;
            for (int i = 0; i < _padded; i += 8)
            {
                var a = Vector256.Load(x + i);
                s0 = Vector256.FusedMultiplyAdd(a, Vector256.Load(v + i), s0);
                s1 = Vector256.FusedMultiplyAdd(a, Vector256.Load(v + i + _padded), s1);
                s2 = Vector256.FusedMultiplyAdd(a, Vector256.Load(v + i + 2 * _padded), s2);
                s3 = Vector256.FusedMultiplyAdd(a, Vector256.Load(v + i + 3 * _padded), s3);
            }
            // The basis is padded with zero directions to a multiple of four.
            y[k] = Vector256.Sum(s0);
            if (k + 1 < Directions) y[k + 1] = Vector256.Sum(s1);
            if (k + 2 < Directions) y[k + 2] = Vector256.Sum(s2);
            if (k + 3 < Directions) y[k + 3] = Vector256.Sum(s3);
        }
        var rest = Vector256<float>.Zero;
        for (int i = 0; i < _padded; i += 32)
        {
            // Up to 32 channels at a time; the padded length is a multiple of 16.
            bool second = i + 16 < _padded;
            int j = second ? i + 16 : i;
            Vector256<float> a = Vector256.Load(x + i), b = Vector256.Load(x + i + 8), c = Vector256.Load(x + j),
                d = Vector256.Load(x + j + 8);
            v = _basis.Pointer;
            for (int k = 0; k < Directions; k++, v += _padded)
            {
                var minus = Vector256.Create(-y[k]);
                a = Vector256.FusedMultiplyAdd(minus, Vector256.Load(v + i), a);
                b = Vector256.FusedMultiplyAdd(minus, Vector256.Load(v + i + 8), b);
                c = Vector256.FusedMultiplyAdd(minus, Vector256.Load(v + j), c);
                d = Vector256.FusedMultiplyAdd(minus, Vector256.Load(v + j + 8), d);
            }
            rest += a * a + b * b;
            if (second) rest += c * c + d * d;
        }
        y[Directions] = MathF.Sqrt(Vector256.Sum(rest)) - _residualMean;
    }

    private static Half RoundDown(double value)
    {
        if (!(value >= -60_000)) return Half.NegativeInfinity;
        var half = (Half)value;
        return (double)half > value ? Half.BitDecrement(half) : half;
    }
}
