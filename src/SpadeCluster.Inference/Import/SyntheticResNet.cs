namespace SpadeCluster.Inference.Import;

/// <summary>Residual networks with seeded random weights, for measuring speed without the published weights: shape and cost are the
/// same.</summary>
public static class SyntheticResNet
{
    /// <summary>Wide-ResNet50-2, 224x224, in memory (about 275 MB of weights).</summary>
    public static InferenceModel WideResNet50(int seed = 1) => Build(ResNetArchitecture.WideResNet50, seed);

    internal static InferenceModel Build(ResNetArchitecture architecture, int seed) =>
        ResNetBuilder.Build(architecture, new RandomWeights(seed), "none: random numbers", $"random weights, seed {seed}");
}
