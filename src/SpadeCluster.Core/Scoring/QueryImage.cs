using SpadeCluster.Features;
using SpadeCluster.Galleries;

namespace SpadeCluster.Scoring;

/// <summary>An image to be scored: its pooled feature at hand, its pyramid fetched only if it is to be localised.</summary>
/// <param name="Id">Identity of its file; decides the audit sample.</param>
/// <param name="Pooled">The pooled feature.</param>
/// <param name="Pyramid">Fetches the pyramid; called at most once.</param>
public sealed record QueryImage(ImageId Id, ReadOnlyMemory<float> Pooled, Func<CancellationToken, ValueTask<FeaturePyramid>> Pyramid)
{
    public QueryImage(ImageId id, ReadOnlyMemory<float> pooled, FeaturePyramid pyramid)
        : this(id, pooled, _ => ValueTask.FromResult(pyramid)) { }
}
