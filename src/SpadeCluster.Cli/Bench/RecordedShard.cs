using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Neighbors;

namespace SpadeCluster.Cli.Bench;

/// <summary>A shard whose first answers are repeated, to measure what a coordinator does itself.</summary>
internal sealed class RecordedShard(IGalleryShard shard) : IGalleryShard
{
    private IReadOnlyList<Neighbour>? _nearest;
    private IReadOnlyList<PixelMatches>? _matches;

    public ValueTask OpenAsync(CancellationToken cancellationToken = default) => shard.OpenAsync(cancellationToken);

    public async ValueTask<IReadOnlyList<Neighbour>> NearestAsync(ReadOnlyMemory<float> pooled, int count, ImageId? exclude,
        IReadOnlyList<int>? tiles = null, CancellationToken cancellationToken = default)
        => _nearest ??= await shard.NearestAsync(pooled, count, exclude, tiles, cancellationToken);

    public async ValueTask<IReadOnlyList<PixelMatches>> MatchAsync(FeaturePyramid query, IReadOnlyList<GalleryPick> picks,
        PixelSearchOptions options, CancellationToken cancellationToken = default)
        => _matches ??= await shard.MatchAsync(query, picks, options, cancellationToken);
}
