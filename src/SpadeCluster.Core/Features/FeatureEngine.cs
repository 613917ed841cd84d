using SpadeCluster.Galleries;

namespace SpadeCluster.Features;

/// <summary>Turns a photograph's bytes into features: a model's extractor, and the preparation of photographs for it.</summary>
public sealed record FeatureEngine(IFeatureExtractor Extractor, IImagePreparer Preparer);

/// <summary>The engines of a process. Safe for concurrent calls; the engines live as long as this object.</summary>
public interface IFeatureEngines
{
    /// <summary>The engine of new categories.</summary>
    FeatureEngine Default { get; }

    /// <summary>The engine of a new category.</summary>
    FeatureEngine DefaultFor(NewCategory asNew)
        => asNew.Copies is { } copies ? For(Default.Extractor.Model, copies.AppliedTo(Default.Preparer.Description)) : Default;

    /// <summary>The engine of an existing gallery.</summary>
    /// <param name="model">The gallery's model.</param>
    /// <param name="preprocessing">The gallery's <see cref="IImagePreparer.Description"/>.</param>
    /// <exception cref="SpadeException">FailedPrecondition: this process does not have that model.</exception>
    FeatureEngine For(FeatureModel model, string preprocessing);

    /// <summary>The preparer of <see cref="For"/>. It can be had before the model is open, which takes longer than decoding.</summary>
    /// <exception cref="SpadeException">As <see cref="For"/>.</exception>
    IImagePreparer PreparerFor(FeatureModel model, string preprocessing) => For(model, preprocessing).Preparer;
}
