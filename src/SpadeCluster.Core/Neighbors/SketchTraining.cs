using System.Runtime.Intrinsics;
using SpadeCluster.Features;

namespace SpadeCluster.Neighbors;

/// <summary>
/// Learns a level's sketch from normals: mean, leading principal directions, spread of the coordinates. Deterministic. It
/// need not be accurate: every mean and every orthonormal basis gives valid bounds, better ones give tighter bounds.
/// </summary>
internal static class SketchTraining
{
    private const int MaximumRows = 4096;
    private const int Iterations = 12;

    /// <param name="sketch">Principal directions of the level's sketch; 0 for none.</param>
    /// <param name="projection">Principal directions of its projection; 0 for none.</param>
    public static (LevelSketch? Sketch, LevelProjection? Projection) Train(IReadOnlyList<FeaturePyramid> sample, int level,
        float[]? weights, int sketch, int projection)
    {
        int channels = sample[0].Shapes[level].Channels;
        float[]? roots = weights is null ? null : [.. weights.Select(MathF.Sqrt)];
        List<float[]> rows = [.. Rows(sample, level).Select(row => (float[])row.Clone())];
        float[] mean = Mean(rows, channels);
        foreach (var row in rows)
            for (int c = 0; c < channels; c++)
                row[c] = (row[c] - mean[c]) * (roots is null ? 1 : roots[c]);

        var basis = LeadingDirections(Covariance(rows, channels), channels, Math.Min(Math.Max(sketch, projection), channels));
        if (sketch == 0) return (null, new LevelProjection(basis));
        var leading = basis[..Math.Min(sketch, basis.Length)];
        var (residualMean, deviation) = Spread(rows, leading);
        return (new LevelSketch(mean, roots, leading, residualMean, deviation), projection == 0 ? null : new LevelProjection(basis));
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
        Parallel.For(0, channels, c =>
        {
            var to = covariance.AsSpan(c * channels, channels);
            foreach (var row in rows) AddScaled(row[c], row, to);
        });
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

    /// <summary>Takes the part along the unit vector <paramref name="u"/> away from <paramref name="v"/>.</summary>
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
            double rest = 0;
            for (int c = 0; c < row.Length; c++) rest += (double)row[c] * row[c];
            for (int k = 0; k < basis.Length; k++)
            {
                double y = 0;
                for (int c = 0; c < row.Length; c++) y += row[c] * basis[k][c];
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

    private static void AddScaled(float factor, ReadOnlySpan<float> values, Span<float> to)
    {
        var f = Vector256.Create(factor);
        int i = 0;
        for (; i <= values.Length - 8; i += 8)
            Vector256.FusedMultiplyAdd(f, Vector256.Create(values.Slice(i, 8)), Vector256.Create(to.Slice(i, 8))).CopyTo(to.Slice(i, 8));
        for (; i < values.Length; i++) to[i] += factor * values[i];
    }
}
