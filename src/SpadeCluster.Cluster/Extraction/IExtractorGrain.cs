using Orleans.Concurrency;
using SpadeCluster.Features;

namespace SpadeCluster.Cluster.Extraction;

/// <summary>One device slot of an extractor silo (key: see GrainKeys.Extractor). Calls are idempotent.</summary>
[Alias("spade.IExtractorGrain")]
public interface IExtractorGrain : IGrainWithStringKey
{
    /// <exception cref="SpadeException">ResourceExhausted: the queue is full. FailedPrecondition: the model is not on this
    /// silo.</exception>
    [Alias("extract")]
    Task<ExtractReply> ExtractAsync([Immutable] ExtractRequest request, CancellationToken cancellationToken);

    /// <summary>Takes a pyramid out of its lease; null where it has expired or given way to others.</summary>
    [Alias("pyramid")]
    Task<PyramidReply> TakePyramidAsync(Guid lease, CancellationToken cancellationToken);

    /// <summary>Gives a lease back unused.</summary>
    [Alias("release"), OneWay]
    Task ReleaseAsync(Guid lease);

    /// <summary>Images in work here, of all gateways.</summary>
    [Alias("in-work")]
    Task<int> CountInWorkAsync();

    /// <summary>The model that new categories are built with.</summary>
    [Alias("default-model")]
    Task<DefaultEngine> GetDefaultAsync(CancellationToken cancellationToken);

    /// <summary>Every model that new categories can be built with.</summary>
    [Alias("models")]
    Task<IReadOnlyList<FeatureModel>> ListModelsAsync(CancellationToken cancellationToken);
}

/// <param name="Model">The gallery's model.</param>
/// <param name="Preprocessing">The gallery's geometry; the image is already prepared by it.</param>
/// <param name="Pixels">RGB bytes of the model's input size.</param>
/// <param name="WithPyramid">The caller is sure to need the pyramid: answer with it instead of a lease.</param>
[GenerateSerializer, Alias("spade.extract"), Immutable]
public sealed record ExtractRequest(
    [property: Id(0)] FeatureModel Model, [property: Id(1)] string Preprocessing, [property: Id(2)] byte[] Pixels,
    [property: Id(3)] bool WithPyramid);

/// <param name="Pooled">Float32 values, little-endian.</param>
/// <param name="Lease">Names the pyramid for a short time, unless it is in the answer.</param>
[GenerateSerializer, Alias("spade.extracted"), Immutable]
public sealed record ExtractReply([property: Id(0)] byte[] Pooled, [property: Id(1)] Guid Lease, [property: Id(2)] FeaturePyramid? Pyramid);

[GenerateSerializer, Alias("spade.pyramid-reply"), Immutable]
public sealed record PyramidReply([property: Id(0)] FeaturePyramid? Pyramid);

[GenerateSerializer, Alias("spade.default-engine"), Immutable]
public sealed record DefaultEngine([property: Id(0)] FeatureModel Model, [property: Id(1)] string Preprocessing);
