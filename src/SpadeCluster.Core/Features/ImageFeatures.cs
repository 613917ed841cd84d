namespace SpadeCluster.Features;

/// <summary>What an extractor computes from one image, in float32. Buffers are meant to be reused.</summary>
public sealed class ImageFeatures
{
    public ImageFeatures(FeatureModel model)
    {
        Pooled = new float[model.PooledLength];
        Shapes = model.Levels;
        Levels = [.. model.Levels.Select(s => new float[s.Length])];
    }

    /// <summary>The pooled image feature (one vector).</summary>
    public float[] Pooled { get; }

    public IReadOnlyList<LevelShape> Shapes { get; }

    /// <summary>One array per level, finest first: [y][x][channel], channel fastest.</summary>
    public IReadOnlyList<float[]> Levels { get; }

    /// <summary>Whether the buffers are those of a model's features.</summary>
    public bool Fits(FeatureModel model) => Pooled.Length == model.PooledLength && Shapes.SequenceEqual(model.Levels);
}
