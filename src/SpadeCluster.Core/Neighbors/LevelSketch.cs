using System.Runtime.CompilerServices;
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
    /// <summary>Rows encoded together, so that the basis is read once for all of them.</summary>
    public const int Rows = 4;

    /// <summary>Coordinates, or channels, of those rows that are computed together: two vectors each.</summary>
    private const int Block = 16;

    private const int MostSteps = 127;

    /// <summary>Covers the rounding of sums of squares in float32, for up to a thousand coordinates.</summary>
    private const double SumRounding = 1e-5;

    private readonly AlignedBuffer<float> _mean;
    private readonly AlignedBuffer<float>? _rootWeights;

    /// <summary>The basis twice: [direction][channel], and [channel][coordinate] with zeros after the last direction.</summary>
    private readonly AlignedBuffer<float> _byDirection, _byChannel;

    /// <summary>[coordinate], 0 after the last one: the largest value, the size of a step, and their factors to codes.</summary>
    private readonly float[] _box, _step, _perStep, _perQueryUnit;
    private readonly float _residualMean, _queryUnit, _unit, _keep, _penalty, _numeric;
    private readonly int _channels, _padded, _coordinates;

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
        _coordinates = (Length + 2 * Block - 1) / (2 * Block) * 2 * Block;
        _byDirection = new AlignedBuffer<float>(Directions * _padded);
        _byChannel = new AlignedBuffer<float>(_padded * _coordinates);
        for (int k = 0; k < Directions; k++)
            for (int c = 0; c < _channels; c++)
                _byDirection.Pointer[k * _padded + c] = _byChannel.Pointer[c * _coordinates + k] = basis[k][c];
        _residualMean = residualMean;

        (_box, _step) = (new float[_coordinates], new float[_coordinates]);
        double squares = 0, variance = 0, maximum = 0;
        for (int k = 0; k <= Directions; k++)
        {
            _box[k] = 4 * deviation[k];
            _step[k] = _box[k] / MostSteps;
            squares += _step[k] * _step[k] / 12;
            variance += (double)deviation[k] * deviation[k];
            _unit += _box[k] * _box[k];
            maximum = Math.Max(maximum, (double)_box[k] * _step[k]);
        }
        _queryUnit = (float)(maximum / 32767);
        _perStep = [.. _step.Select(s => float.IsNormal(s) ? 1 / s : 0)];
        _perQueryUnit = [.. _step.Select(s => s / _queryUnit)];
        // The best delta is the rounding error over the distance; distances worth bounding well are below the mean
        // distance of two normals, 2 * variance. Any value is right; only tightness depends on it.
        double delta = Math.Clamp(Math.Sqrt(squares / Math.Max(0.6 * variance, 1e-30)), 1e-3, 0.5);
        _keep = (float)((1 - delta) * (1 - 1e-4));
        _penalty = (float)(1 / delta - 1);
        // Rounding of the float32 projection, relative to the row's norm.
        _numeric = (float)((_channels + 8) * Math.Sqrt(Length) / (1 << 24) * 2);
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

    /// <summary>Floats of scratch that an encoder needs, 64-byte aligned.</summary>
    public int ScratchLength => Rows * (_padded + _coordinates);

    /// <summary>Encodes the gallery rows of four cells.</summary>
    /// <param name="level">[cell][channel].</param>
    /// <param name="cells">A negative one has no row; its codes and its term stay as they are.</param>
    /// <param name="codes">[pair of coordinates][row][2].</param>
    /// <param name="terms">The gallery terms, rounded down.</param>
    public void EncodeGallery(ReadOnlySpan<Half> level, ReadOnlySpan<int> cells, float* scratch, Span<sbyte> codes, Span<Half> terms)
    {
        float* norms = stackalloc float[Rows], y = scratch + Rows * _padded;
        for (int j = 0; j < Rows; j++)
        {
            float* x = scratch + j * _padded;
            if (cells[j] < 0) new Span<float>(x, _padded).Clear();
            else norms[j] = CentredRows.Centre(level.Slice(cells[j] * _channels, _channels), _mean.Pointer, Root, x, _padded);
        }
        Project(scratch, y);
        sbyte* code = stackalloc sbyte[_coordinates];
        for (int j = 0; j < Rows; j++)
        {
            if (cells[j] < 0) continue;
            terms[j] = QuantiseGallery(y + j * _coordinates, norms[j], code);
            for (int k = 0; k < Length; k += 2) (codes[Rows * k + 2 * j], codes[Rows * k + 2 * j + 1]) = (code[k], code[k + 1]);
        }
    }

    /// <summary>Encodes four widened query rows.</summary>
    /// <param name="rows">Null: no row; its codes and its term stay as they are.</param>
    /// <param name="codes">[pair of coordinates][row][2].</param>
    /// <param name="terms">The query terms.</param>
    public void EncodeQuery(float** rows, float* scratch, short* codes, float* terms)
    {
        float* norms = stackalloc float[Rows], y = scratch + Rows * _padded;
        for (int j = 0; j < Rows; j++)
        {
            float* x = scratch + j * _padded;
            if (rows[j] == null) new Span<float>(x, _padded).Clear();
            else norms[j] = CentredRows.Centre(rows[j], _mean.Pointer, Root, x, _padded);
        }
        Project(scratch, y);
        short* code = stackalloc short[_coordinates];
        for (int j = 0; j < Rows; j++)
        {
            if (rows[j] == null) continue;
            terms[j] = QuantiseQuery(y + j * _coordinates, norms[j], code);
            for (int k = 0; k < Length; k += 2) (codes[Rows * k + 2 * j], codes[Rows * k + 2 * j + 1]) = (code[k], code[k + 1]);
        }
    }

    private float* Root => _rootWeights is null ? null : _rootWeights.Pointer;

    private Half QuantiseGallery(float* y, float norm, sbyte* code)
    {
        Vector256<float> squared = default, error = default, steps = default;
        fixed (float* box = _box, step = _step, perStep = _perStep)
            for (int k = 0; k < _coordinates; k += 32)
            {
                var a = Quantise(y + k, box + k, step + k, perStep + k, ref squared, ref error, ref steps);
                var b = Quantise(y + k + 8, box + k + 8, step + k + 8, perStep + k + 8, ref squared, ref error, ref steps);
                var c = Quantise(y + k + 16, box + k + 16, step + k + 16, perStep + k + 16, ref squared, ref error, ref steps);
                var d = Quantise(y + k + 24, box + k + 24, step + k + 24, perStep + k + 24, ref squared, ref error, ref steps);
                Vector256.Narrow(Vector256.Narrow(a, b), Vector256.Narrow(c, d)).Store(code + k);
            }
        double e = Math.Sqrt(Vector256.Sum(error) * (1 + SumRounding)) + _numeric * Math.Sqrt(norm);
        // 1.01 here and 101 on the query side: (e_a + e_g)^2 <= 101 e_a^2 + 1.01 e_g^2.
        double term = _keep * (Vector256.Sum(squared) * (1 - SumRounding) - _queryUnit * (double)Vector256.Sum(steps))
            - _penalty * 1.01 * e * e - CentredRows.Underflow;
        return RoundDown(term / _unit);
    }

    private float QuantiseQuery(float* y, float norm, short* code)
    {
        var squared = Vector256<float>.Zero;
        fixed (float* box = _box, perUnit = _perQueryUnit)
            for (int k = 0; k < _coordinates; k += 16)
            {
                Vector256<float> a = Clamp(y + k, box + k), b = Clamp(y + k + 8, box + k + 8);
                squared += a * a + b * b;
                Vector256.Narrow(Nearest(a * Vector256.Load(perUnit + k)), Nearest(b * Vector256.Load(perUnit + k + 8))).Store(code + k);
            }
        double e = _numeric * Math.Sqrt(norm);
        float term = (float)(_keep * (double)Vector256.Sum(squared) * (1 - SumRounding) - _penalty * 101 * e * e - CentredRows.Underflow);
        return float.IsNaN(term) ? float.NegativeInfinity : term;
    }

    /// <summary>Each y = (V'x, |x - V V'x| - its mean over normals, 0...).</summary>
    private void Project(float* x, float* y)
    {
        for (int k = 0; k < _coordinates; k += Block)
        {
            Vector256<float> a0 = default, a1 = default, b0 = default, b1 = default, c0 = default, c1 = default, d0 = default, d1 = default;
            float* v = _byChannel.Pointer + k;
            for (int i = 0; i < _padded; i++, v += _coordinates)
            {
                Vector256<float> v0 = Vector256.Load(v), v1 = Vector256.Load(v + 8);
                Add(Vector256.Create(x[i]), v0, v1, ref a0, ref a1);
                Add(Vector256.Create(x[i + _padded]), v0, v1, ref b0, ref b1);
                Add(Vector256.Create(x[i + 2 * _padded]), v0, v1, ref c0, ref c1);
                Add(Vector256.Create(x[i + 3 * _padded]), v0, v1, ref d0, ref d1);
            }
            Store(a0, a1, y + k);
            Store(b0, b1, y + k + _coordinates);
            Store(c0, c1, y + k + 2 * _coordinates);
            Store(d0, d1, y + k + 3 * _coordinates);
        }
        float* rests = stackalloc float[Rows];
        SquaredRests(x, y, rests);
        for (int j = 0; j < Rows; j++) y[j * _coordinates + Directions] = MathF.Sqrt(rests[j]) - _residualMean;
    }

    /// <summary>Each |x - V y|^2.</summary>
    private void SquaredRests(float* x, float* y, float* rests)
    {
        Vector256<float> a = default, b = default, c = default, d = default;
        for (int i = 0; i < _padded; i += Block)
        {
            Vector256<float> a0 = Vector256.Load(x + i), a1 = Vector256.Load(x + i + 8),
                b0 = Vector256.Load(x + i + _padded), b1 = Vector256.Load(x + i + _padded + 8),
                c0 = Vector256.Load(x + i + 2 * _padded), c1 = Vector256.Load(x + i + 2 * _padded + 8),
                d0 = Vector256.Load(x + i + 3 * _padded), d1 = Vector256.Load(x + i + 3 * _padded + 8);
            float* v = _byDirection.Pointer + i;
            for (int k = 0; k < Directions; k++, v += _padded)
            {
                Vector256<float> v0 = Vector256.Load(v), v1 = Vector256.Load(v + 8);
                Add(Vector256.Create(-y[k]), v0, v1, ref a0, ref a1);
                Add(Vector256.Create(-y[k + _coordinates]), v0, v1, ref b0, ref b1);
                Add(Vector256.Create(-y[k + 2 * _coordinates]), v0, v1, ref c0, ref c1);
                Add(Vector256.Create(-y[k + 3 * _coordinates]), v0, v1, ref d0, ref d1);
            }
            a += a0 * a0 + a1 * a1;
            b += b0 * b0 + b1 * b1;
            c += c0 * c0 + c1 * c1;
            d += d0 * d0 + d1 * d1;
        }
        (rests[0], rests[1], rests[2], rests[3]) = (Vector256.Sum(a), Vector256.Sum(b), Vector256.Sum(c), Vector256.Sum(d));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(Vector256<float> factor, Vector256<float> v0, Vector256<float> v1, ref Vector256<float> sum0,
        ref Vector256<float> sum1)
    {
        sum0 = Vector256.FusedMultiplyAdd(factor, v0, sum0);
        sum1 = Vector256.FusedMultiplyAdd(factor, v1, sum1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector256<float> first, Vector256<float> second, float* to)
    {
        first.Store(to);
        second.Store(to + 8);
    }

    /// <summary>Eight coordinates as numbers of steps; adds up their squares, those of the rounding errors, and the steps.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Quantise(float* y, float* box, float* step, float* perStep, ref Vector256<float> squared,
        ref Vector256<float> error, ref Vector256<float> steps)
    {
        var value = Clamp(y, box);
        var code = Nearest(value * Vector256.Load(perStep));
        Vector256<float> number = Vector256.ConvertToSingle(code), size = Vector256.Load(step), rounded = number * size,
            rounding = Vector256.FusedMultiplyAdd(-number, size, value);
        squared += rounded * rounded;
        error += rounding * rounding;
        steps += Vector256.Abs(number);
        return code;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Clamp(float* y, float* box)
    {
        var most = Vector256.Load(box);
        return Vector256.MinNative(Vector256.MaxNative(Vector256.Load(y), -most), most);
    }

    /// <summary>The nearest integers. A clamped value is at most one rounding above its largest code, and so rounds to it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Nearest(Vector256<float> values) => Vector256.ConvertToInt32Native(Vector256.Round(values));

    private static Half RoundDown(double value)
    {
        if (!(value >= -60_000)) return Half.NegativeInfinity;
        var half = (Half)value;
        return (double)half > value ? Half.BitDecrement(half) : half;
    }
}
