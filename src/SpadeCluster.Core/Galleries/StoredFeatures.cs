using SpadeCluster.Features;

namespace SpadeCluster.Galleries;

/// <summary>The small part of a normal image's features: pooled feature and channel moments.</summary>
public sealed record StoredFeatures(float[] Pooled, IReadOnlyList<ChannelMoments> Moments)
{
    public static StoredFeatures From(float[] pooled, FeaturePyramid pyramid)
        => new(pooled, [.. Enumerable.Range(0, pyramid.Shapes.Count).Select(l => ChannelMoments.Of(pyramid, l))]);
}
