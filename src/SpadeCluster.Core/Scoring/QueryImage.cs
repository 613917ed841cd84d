using SpadeCluster.Features;
using SpadeCluster.Galleries;

namespace SpadeCluster.Scoring;

/// <summary>One tile of an image to be scored: its pooled feature, and its pyramid, which is fetched only if the image is
/// localised.</summary>
/// <param name="Pyramid">Fetches the pyramid; called at most once.</param>
public sealed record QueryTile(ReadOnlyMemory<float> Pooled, Func<CancellationToken, ValueTask<FeaturePyramid>> Pyramid);

/// <summary>An image to be scored.</summary>
/// <param name="Id">Identity of its file; also decides whether it is in the audit sample.</param>
/// <param name="Tiles">All its tiles, in their order.</param>
/// <param name="Frame">The part of the tile grid that the photograph covers; null: all of it.</param>
public sealed record QueryImage(ImageId Id, IReadOnlyList<QueryTile> Tiles, TileFrame? Frame = null)
{
    public QueryImage(ImageId id, ReadOnlyMemory<float> pooled, Func<CancellationToken, ValueTask<FeaturePyramid>> pyramid)
        : this(id, [new QueryTile(pooled, pyramid)]) { }

    public QueryImage(ImageId id, ReadOnlyMemory<float> pooled, FeaturePyramid pyramid)
        : this(id, pooled, _ => ValueTask.FromResult(pyramid)) { }

    public QueryImage(ImageId id, IReadOnlyList<TileFeatures> tiles, TileFrame frame)
        : this(id, [.. tiles.Select(t => new QueryTile(t.Pooled, _ => ValueTask.FromResult(t.Pyramid)))], frame) { }
}
