using System.Runtime.Intrinsics;
using SpadeCluster.Features;

namespace SpadeCluster.Neighbors;

/// <summary>
/// Learns a level's sketch and projection from normals: mean, leading principal directions, spread of the coordinates.
/// Deterministic. It need not be accurate: every mean and every orthonormal basis gives valid bounds, better ones give tighter
/// bounds.
/// </summary>
internal sealed class SketchTraining
{
    private const int MaximumRows = 4096;
    private const int Iterations = 12;

    /// <summary>Channels whose sums one task makes: each row is read once for all of them.</summary>
    private const int Block = 8;

    private readonly float[]? _roots;
    private readonly float[] _mean;
    private readonly List<float[]> _rows;
    private readonly float[] _covariance;

    public SketchTraining(IReadOnlyList<FeaturePyramid> sample, int level, float[]? weights)
    {
        int channels = sample[0].Shapes[level].Channels;
        _roots = weights is null ? null : [.. weights.Select(MathF.Sqrt)];
        _rows = [.. Rows(sample, level).Select(row => (float[])row.Clone())];
        _mean = Mean(_rows, channels);
        foreach (var row in _rows)
            for (int c = 0; c < channels; c++)
                row[c] = (row[c] - _mean[c]) * (_roots is null ? 1 : _roots[c]);
        _covariance = Covariance(_rows, channels);
    }

    /// <param name="directions">Principal directions of the sketch.</param>
    public LevelSketch Sketch(int directions)
    {
        var basis = LeadingDirections(_covariance, _mean.Length, Math.Min(directions, _mean.Length));
        var (residualMean, deviation) = Spread(_rows, basis);
        return new LevelSketch(_mean, _roots, basis, residualMean, deviation);
    }

    /// <summary>Only per-level fusion uses a projection, so it is learned on first use; until then only the covariance is kept.</summary>
    /// <param name="directions">Principal directions of the projection.</param>
    public Lazy<LevelProjection> Projection(int directions)
    {
        var (covariance, channels) = (_covariance, _mean.Length);
        return new(() => new LevelProjection(LeadingDirections(covariance, channels, directions)));
    }

    /// <summary>The mean alone, for levels whose bounds use all channels.</summary>
    public static float[] Mean(IReadOnlyList<FeaturePyramid> sample, int level)
        => Mean(Rows(sample, level), sample[0].Shapes[level].Channels);

    /// <summary>Cells spread evenly over all images, one after the other in the same array: a level's rows together would
    /// take more memory than a gallery under a small budget has.</summary>
    private static IEnumerable<float[]> Rows(IReadOnlyList<FeaturePyramid> sample, int level)
    {
        var shape = sample[0].Shapes[level];
        long total = (long)shape.Cells * sample.Count, count = Math.Min(total, MaximumRows);
        var row = new float[shape.Channels];
        for (long i = 0; i < count; i++)
        {
            long at = i * total / count;
            HalfConversion.Widen(sample[(int)(at / shape.Cells)].Level(level).Slice((int)(at % shape.Cells) * row.Length, row.Length), row);
            yield return row;
        }
    }

    private static float[] Mean(IEnumerable<float[]> rows, int channels)
    {
        var sum = new double[channels];
        int count = 0;
        foreach (var row in rows)
        {
            for (int c = 0; c < channels; c++) sum[c] += row[c];
            count++;
        }
        return [.. sum.Select(s => (float)(s / count))];
    }

    private static float[] Covariance(List<float[]> rows, int channels)
    {
        var covariance = new float[channels * channels];
        Parallel.For(0, (channels + Block - 1) / Block, block =>
        {
            int first = block * Block, end = Math.Min(channels, first + Block);
            // The part from the diagonal on; the rest is the same, mirrored.
            foreach (var row in rows)
                for (int c = first; c < end; c++)
                    AddScaled(row[c], row.AsSpan(first), covariance.AsSpan(c * channels + first, channels - first));
        });
        for (int c = 0; c < channels; c++)
            for (int other = 0; other < c / Block * Block; other++) covariance[c * channels + other] = covariance[other * channels + c];
        return covariance;
    }

    /// <summary>Orthogonal iteration: multiply by the covariance and orthonormalise, until the leading space has settled.</summary>
    private static float[][] LeadingDirections(float[] covariance, int channels, int count)
    {
        var random = new Random(1);
        var basis = new float[count][];
        for (int k = 0; k < count; k++)
        {
            basis[k] = new float[channels];
            for (int c = 0; c < channels; c++) basis[k][c] = (float)(random.NextDouble() - 0.5);
        }
        Orthonormalise(basis, random);
        for (int iteration = 0; iteration < Iterations; iteration++)
        {
            Parallel.For(0, count, k =>
            {
                var next = new float[channels];
                for (int c = 0; c < channels; c++)
                    AddScaled(basis[k][c], covariance.AsSpan(c * channels, channels), next);
                basis[k] = next;
            });
            Orthonormalise(basis, random);
        }
        return basis;
    }

    /// <summary>Gram-Schmidt in double, twice, so that the rows are orthonormal to float32's last bits.</summary>
    private static void Orthonormalise(float[][] basis, Random random)
    {
        double[][] rows = [.. basis.Select(row => Array.ConvertAll(row, x => (double)x))];
        for (int k = 0; k < rows.Length; k++)
        {
            var v = rows[k];
            double norm = Scale(v);
            for (int pass = 0; pass < 2; pass++)
            {
                for (int j = 0; j < k; j++) Subtract(v, rows[j]);
                norm *= Scale(v);
                if (!(norm > 1e-7))
                {
                    // Nothing left in this direction (the normals have lower rank): any other one will do.
                    for (int c = 0; c < v.Length; c++) v[c] = random.NextDouble() - 0.5;
                    norm = Scale(v);
                    pass = -1;
                }
            }
            for (int c = 0; c < v.Length; c++) v[c] = basis[k][c] = (float)v[c];
        }
    }

    /// <summary>Subtracts from <paramref name="v"/> its component along the unit vector <paramref name="u"/>.</summary>
    private static void Subtract(double[] v, double[] u)
    {
        var sum = Vector256<double>.Zero;
        int c = 0;
        for (; c <= v.Length - 4; c += 4) sum += Vector256.Create(v, c) * Vector256.Create(u, c);
        double dot = Vector256.Sum(sum);
        for (int i = c; i < v.Length; i++) dot += v[i] * u[i];
        var along = Vector256.Create(dot);
        for (c = 0; c <= v.Length - 4; c += 4) (Vector256.Create(v, c) - along * Vector256.Create(u, c)).CopyTo(v, c);
        for (; c < v.Length; c++) v[c] -= dot * u[c];
    }

    /// <summary>Divides by the norm and returns it.</summary>
    private static double Scale(double[] v)
    {
        double maximum = v.Max(Math.Abs);
        if (!(maximum > 0) || !double.IsFinite(maximum)) return 0;
        double norm = maximum * Math.Sqrt(v.Sum(x => x / maximum * (x / maximum)));
        for (int c = 0; c < v.Length; c++) v[c] /= norm;
        return norm;
    }

    private static (float ResidualMean, float[] Deviation) Spread(List<float[]> rows, float[][] basis)
    {
        var squares = new double[basis.Length];
        double residual = 0, residualSquares = 0;
        foreach (var row in rows)
        {
            double rest = Dot(row, row);
            for (int k = 0; k < basis.Length; k++)
            {
                double y = Dot(row, basis[k]);
                squares[k] += y * y;
                rest -= y * y;
            }
            rest = Math.Max(rest, 0);
            residual += Math.Sqrt(rest);
            residualSquares += rest;
        }
        double mean = residual / rows.Count, variance = Math.Max(residualSquares / rows.Count - mean * mean, 0);
        return ((float)mean, [.. squares.Select(s => (float)Math.Sqrt(s / rows.Count)), (float)Math.Sqrt(variance)]);
    }

    private static double Dot(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        var sum = Vector256<float>.Zero;
        int i = 0;
        for (; i <= a.Length - 8; i += 8)
            sum = Vector256.FusedMultiplyAdd(Vector256.Create(a.Slice(i, 8)), Vector256.Create(b.Slice(i, 8)), sum);
        double dot = Vector256.Sum(sum);
        for (; i < a.Length; i++) dot += (double)a[i] * b[i];
        return dot;
    }

    private static void AddScaled(float factor, ReadOnlySpan<float> values, Span<float> to)
    {
        var f = Vector256.Create(factor);
        int i = 0;
        for (; i <= values.Length - 8; i += 8)
            Vector256.FusedMultiplyAdd(f, Vector256.Create(values.Slice(i, 8)), Vector256.Create(to.Slice(i, 8))).CopyTo(to.Slice(i, 8));
        for (; i < values.Length; i++) to[i] += factor * values[i];
    }
}
