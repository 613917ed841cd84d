namespace SpadeCluster.Features;

/// <summary>Turns a photograph's bytes into features: a model's extractor, and the preparation of photographs for it.</summary>
public sealed record FeatureEngine(IFeatureExtractor Extractor, IImagePreparer Preparer);

/// <summary>The engines of a process. Safe for concurrent calls; the engines live as long as this object.</summary>
public interface IFeatureEngines
{
    /// <summary>The engine of new categories.</summary>
    FeatureEngine Default { get; }

    /// <summary>What a new category of photographs of these sizes is built with (<see cref="TileChoice"/>).</summary>
    /// <param name="sizes">Of some of the photographs, or of none.</param>
    FeatureEngine DefaultFor(IReadOnlyList<(int Width, int Height)> sizes) => Default;

    /// <summary>The engine of an existing gallery.</summary>
    /// <param name="model">The gallery's model.</param>
    /// <param name="preprocessing">The gallery's <see cref="IImagePreparer.Description"/>.</param>
    /// <exception cref="SpadeException">FailedPrecondition: this process does not have that model.</exception>
    FeatureEngine For(FeatureModel model, string preprocessing);
}
