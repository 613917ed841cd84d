using SpadeCluster.Features;

namespace SpadeCluster.Galleries;

/// <summary>
/// Weights of squared differences, part of a gallery version: 1 / (C sigma_c^2), where sigma_c is channel c's standard deviation
/// over the version's normals. The mean weighted squared difference of two unrelated normals is then about 2 for every level, for channels
/// of any unit.
/// </summary>
/// <param name="Levels">One array of Channels weights per pyramid level.</param>
/// <param name="Pooled">One weight per pooled value.</param>
public sealed record FeatureWeights(IReadOnlyList<float[]> Levels, float[] Pooled)
{
    /// <summary>
    /// sigma_c is at least this share of the level's mean sigma. Without a floor, a channel that is constant over the
    /// normals (colour, on grey parts) would outweigh all others on the first image where it is not.
    /// </summary>
    public const double FloorShare = 0.25;

    /// <param name="model">Shapes of the features.</param>
    /// <param name="images">Pooled feature and level moments of every normal, in ascending order of image id.</param>
    public static FeatureWeights From(FeatureModel model, IReadOnlyList<StoredFeatures> images)
    {
        var levels = new float[model.Levels.Count][];
        for (int l = 0; l < levels.Length; l++)
        {
            int channels = model.Levels[l].Channels;
            var (sum, squares) = (new double[channels], new double[channels]);
            foreach (var image in images)
            {
                for (int c = 0; c < channels; c++)
                {
                    sum[c] += image.Moments[l].Sum[c];
                    squares[c] += image.Moments[l].SumOfSquares[c];
                }
            }
            levels[l] = FromSums(sum, squares, (double)images.Count * model.Levels[l].Cells);
        }
        var (pooledSum, pooledSquares) = (new double[model.PooledLength], new double[model.PooledLength]);
        foreach (var image in images)
        {
            for (int i = 0; i < model.PooledLength; i++)
            {
                pooledSum[i] += image.Pooled[i];
                pooledSquares[i] += (double)image.Pooled[i] * image.Pooled[i];
            }
        }
        return new FeatureWeights(levels, FromSums(pooledSum, pooledSquares, images.Count));
    }

    private static float[] FromSums(double[] sum, double[] squares, double n)
    {
        var sigma = new double[sum.Length];
        for (int c = 0; c < sigma.Length; c++)
        {
            double mean = sum[c] / n;
            sigma[c] = Math.Sqrt(Math.Max(0, squares[c] / n - mean * mean));
        }
        double average = sigma.Average();
        // If all normals are identical (one image, or copies), the spread is unknown and all channels have the same weight.
        if (average < 1e-6) return [.. sigma.Select(_ => 1f / sigma.Length)];
        return [.. sigma.Select(s => (float)(1 / (sigma.Length * Math.Pow(Math.Max(s, FloorShare * average), 2))))];
    }
}
