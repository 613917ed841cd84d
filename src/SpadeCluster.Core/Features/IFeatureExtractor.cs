namespace SpadeCluster.Features;

/// <summary>Turns prepared images (the model's input size, RGB) into features. Safe for concurrent calls.</summary>
public interface IFeatureExtractor : IDisposable
{
    FeatureModel Model { get; }

    /// <summary>Whether the device still works. An extractor without a device that can be lost is always healthy.</summary>
    ExtractorHealth Health => new("CPU", "cpu", Model.Digest);

    /// <summary>Fills <paramref name="features"/>[i] with the features of <paramref name="images"/>[i]. The result for an
    /// image does not depend on the batch it came in.</summary>
    /// <exception cref="SpadeException">InvalidArgument: an image has not the model's input size.</exception>
    ValueTask ExtractAsync(IReadOnlyList<RgbImage> images, IReadOnlyList<ImageFeatures> features,
        CancellationToken cancellationToken = default);
}
