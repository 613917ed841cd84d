using SpadeCluster.Features;
using SpadeCluster.Galleries;

namespace SpadeCluster.Scoring;

/// <summary>One tile of an image to be scored: its pooled feature at hand, its pyramid fetched only if it is to be localised.</summary>
/// <param name="Pyramid">Fetches the pyramid; called at most once.</param>
public sealed record QueryTile(ReadOnlyMemory<float> Pooled, Func<CancellationToken, ValueTask<FeaturePyramid>> Pyramid);

/// <summary>An image to be scored.</summary>
/// <param name="Id">Identity of its file; decides the audit sample.</param>
/// <param name="Tiles">All its tiles, in their order.</param>
/// <param name="Frame">What the photograph covers of the tile grid; null: all of it.</param>
public sealed record QueryImage(ImageId Id, IReadOnlyList<QueryTile> Tiles, TileFrame? Frame = null)
{
    public QueryImage(ImageId id, ReadOnlyMemory<float> pooled, Func<CancellationToken, ValueTask<FeaturePyramid>> pyramid)
        : this(id, [new QueryTile(pooled, pyramid)]) { }

    public QueryImage(ImageId id, ReadOnlyMemory<float> pooled, FeaturePyramid pyramid)
        : this(id, pooled, _ => ValueTask.FromResult(pyramid)) { }

    public QueryImage(ImageId id, IReadOnlyList<TileFeatures> tiles, TileFrame frame)
        : this(id, [.. tiles.Select(t => new QueryTile(t.Pooled, _ => ValueTask.FromResult(t.Pyramid)))], frame) { }
}
