using SpadeCluster.Features;
using SpadeCluster.Neighbors;

namespace SpadeCluster.Galleries;

/// <summary>A gallery image and its squared pooled distance to the query.</summary>
public readonly record struct Neighbour(ImageId Id, float Distance);

/// <summary>An image the pixel search shall use, and its position among all of the query's images in order of id.</summary>
public readonly record struct GalleryPick(int Position, ImageId Id);

/// <summary>A part of one gallery version: some of its images, in memory or at reach.</summary>
public interface IGalleryShard
{
    /// <summary>The shard's <paramref name="count"/> nearest images by (distance, id), or all it has, ascending.</summary>
    /// <param name="exclude">An image to leave out (leave-one-out calibration).</param>
    ValueTask<IReadOnlyList<Neighbour>> NearestAsync(ReadOnlyMemory<float> pooled, int count, ImageId? exclude, CancellationToken cancellationToken = default);

    /// <summary>The exact pixel search over some of the shard's images.</summary>
    ValueTask<IReadOnlyList<PixelMatches>> MatchAsync(FeaturePyramid query, IReadOnlyList<GalleryPick> picks, PixelSearchOptions options, CancellationToken cancellationToken = default);
}
