using SpadeCluster.Features;
using SpadeCluster.Neighbors;

namespace SpadeCluster.Galleries;

/// <summary>A row of a gallery - an image or one tile of it - and its squared pooled distance to the query.</summary>
public readonly record struct Neighbour(ImageId Id, float Distance, Orientation Orientation = Orientation.Original);

/// <summary>A row for the pixel search, and its position among all rows of this query in order of id.</summary>
public readonly record struct GalleryPick(int Position, ImageId Id);

/// <summary>A part of one gallery version: some of its rows.</summary>
public interface IGalleryShard
{
    /// <summary>Reads and learns what a pixel search needs, so that the first one need not wait for it.</summary>
    ValueTask OpenAsync(CancellationToken cancellationToken = default);

    /// <summary>The shard's <paramref name="count"/> nearest rows, or all it has, ascending by (distance, id).</summary>
    /// <param name="pooled">The query's pooled feature.</param>
    /// <param name="exclude">A photograph to leave out (leave-one-out calibration).</param>
    /// <param name="tiles">Tiles of photographs that are compared; null: all.</param>
    ValueTask<IReadOnlyList<Neighbour>> NearestAsync(ReadOnlyMemory<float> pooled, int count, ImageId? exclude,
        IReadOnlyList<int>? tiles = null, CancellationToken cancellationToken = default);

    /// <summary>The exact pixel search over some of the shard's rows; one map per grid, as <see cref="PixelIndex"/> says.</summary>
    ValueTask<IReadOnlyList<PixelMatches>> MatchAsync(FeaturePyramid query, IReadOnlyList<GalleryPick> picks, PixelSearchOptions options,
        CancellationToken cancellationToken = default);
}
