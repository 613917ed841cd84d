namespace SpadeCluster.Inference.Import;

/// <summary>Batch normalisation at inference is y = x * scale + shift per channel, so the convolution before it can include it.</summary>
internal static class BatchNormalisation
{
    public static (float[] Scale, float[] Shift) Affine(float[] gamma, float[] beta, float[] mean, float[] variance, float epsilon)
    {
        var (scale, shift) = (new float[gamma.Length], new float[gamma.Length]);
        for (int c = 0; c < gamma.Length; c++)
        {
            double s = gamma[c] / Math.Sqrt(variance[c] + (double)epsilon);
            (scale[c], shift[c]) = ((float)s, (float)(beta[c] - (mean[c] * s)));
        }
        return (scale, shift);
    }

    /// <summary>Weights [out][...] and biases of a convolution that includes the normalisation after it.</summary>
    public static (float[] Weights, float[] Bias) Fold(float[] weights, float[] bias, float[] scale, float[] shift)
    {
        int each = weights.Length / bias.Length;
        var (w, b) = (new float[weights.Length], new float[bias.Length]);
        for (int c = 0; c < bias.Length; c++)
        {
            b[c] = (bias[c] * scale[c]) + shift[c];
            for (int i = c * each; i < (c + 1) * each; i++) w[i] = weights[i] * scale[c];
        }
        return (w, b);
    }
}
