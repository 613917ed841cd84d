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

    /// <summary>Takes the pyramid of a lease; null if the lease has expired or was dropped.</summary>
    [Alias("pyramid")]
    Task<PyramidReply> TakePyramidAsync(Guid lease, CancellationToken cancellationToken);

    /// <summary>Releases an unused lease.</summary>
    [Alias("release"), OneWay]
    Task ReleaseAsync(Guid lease);

    /// <summary>Number of images in progress on this slot, of all gateways.</summary>
    [Alias("in-work")]
    Task<int> CountInWorkAsync();

    /// <summary>The model of new categories.</summary>
    [Alias("default-model")]
    Task<DefaultEngine> GetDefaultAsync(CancellationToken cancellationToken);

    /// <summary>All models with which new categories can be built.</summary>
    [Alias("models")]
    Task<IReadOnlyList<FeatureModel>> ListModelsAsync(CancellationToken cancellationToken);
}

/// <param name="Model">The gallery's model.</param>
/// <param name="Preprocessing">The gallery's geometry; the image is already prepared accordingly.</param>
/// <param name="Pixels">RGB bytes of the model's input size.</param>
/// <param name="WithPyramid">Whether to return the pyramid instead of a lease, because the caller will need it.</param>
[GenerateSerializer, Alias("spade.extract"), Immutable]
public sealed record ExtractRequest(
    [property: Id(0)] FeatureModel Model, [property: Id(1)] string Preprocessing, [property: Id(2)] byte[] Pixels,
    [property: Id(3)] bool WithPyramid);

/// <param name="Pooled">Float32 values, little-endian.</param>
/// <param name="Lease">Identifies the pyramid for a short time, unless it is in the answer.</param>
[GenerateSerializer, Alias("spade.extracted"), Immutable]
public sealed record ExtractReply([property: Id(0)] byte[] Pooled, [property: Id(1)] Guid Lease, [property: Id(2)] FeaturePyramid? Pyramid);

[GenerateSerializer, Alias("spade.pyramid-reply"), Immutable]
public sealed record PyramidReply([property: Id(0)] FeaturePyramid? Pyramid);

[GenerateSerializer, Alias("spade.default-engine"), Immutable]
public sealed record DefaultEngine([property: Id(0)] FeatureModel Model, [property: Id(1)] string Preprocessing);
