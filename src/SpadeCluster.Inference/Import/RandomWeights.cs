namespace SpadeCluster.Inference.Import;

/// <summary>He initialisation (uniform), and batch normalisation that keeps values near 1 over many residual additions.</summary>
internal sealed class RandomWeights(int seed) : IWeights
{
    private readonly Random _random = new(seed);

    public float[] Get(string name, params int[] shape)
    {
        var values = new float[shape.Aggregate(1, (p, d) => p * d)];
        if (shape.Length == 4)
        {
            double bound = Math.Sqrt(6.0 / (shape[1] * shape[2] * shape[3]));
            for (int i = 0; i < values.Length; i++) values[i] = (float)(bound * Symmetric());
        }
        else if (name.EndsWith(".weight", StringComparison.Ordinal) || name.EndsWith(".running_var", StringComparison.Ordinal))
        {
            bool closesBlock = name.EndsWith("bn3.weight", StringComparison.Ordinal);
            for (int i = 0; i < values.Length; i++) values[i] = (float)((0.8 + (0.4 * _random.NextDouble())) * (closesBlock ? 0.3 : 1));
        }
        else
        {
            for (int i = 0; i < values.Length; i++) values[i] = (float)(0.15 * Symmetric());
        }
        return values;
    }

    private double Symmetric() => (2 * _random.NextDouble()) - 1;
}
