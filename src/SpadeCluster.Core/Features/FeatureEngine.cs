namespace SpadeCluster.Features;

/// <summary>All it takes from a photograph's bytes to its features: one model's extractor and the geometry before it.</summary>
public sealed record FeatureEngine(IFeatureExtractor Extractor, IImagePreparer Preparer);

/// <summary>The engines a process has at hand. Safe for concurrent calls; engines live as long as this.</summary>
public interface IFeatureEngines
{
    /// <summary>What a new category is built with.</summary>
    FeatureEngine Default { get; }

    /// <summary>The engine of an existing gallery.</summary>
    /// <param name="model">The gallery's model.</param>
    /// <param name="preprocessing">The gallery's <see cref="IImagePreparer.Description"/>.</param>
    /// <exception cref="SpadeException">FailedPrecondition: that model is not at hand.</exception>
    FeatureEngine For(FeatureModel model, string preprocessing);
}
