using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Neighbors;

namespace SpadeCluster.Cluster.Shards;

/// <summary>
/// One shard of a category on one silo (key: see GrainKeys.Shard). It reads its images from the gallery store, so that no gallery is sent
/// between silos. Calls are idempotent, and each names a version.
/// </summary>
[Alias("spade.IGalleryShardGrain")]
public interface IGalleryShardGrain : IGrainWithStringKey
{
    /// <summary>Opens the shard and prepares its pixel searches; see <see cref="IGalleryShard.OpenAsync"/>. Builds before 2026-11-30 do not
    /// know this call.</summary>
    [Alias("open")]
    Task OpenAsync(int version, CancellationToken cancellationToken);

    /// <returns>The shard's nearest images; see <see cref="IGalleryShard.NearestAsync"/>.</returns>
    [Alias("nearest")]
    Task<ShardNeighbours> NearestAsync(int version, [Immutable] byte[] pooled, int count, ImageId? exclude,
        [Immutable] int[]? tiles, CancellationToken cancellationToken);

    /// <returns>The exact pixel search over picked images; see <see cref="IGalleryShard.MatchAsync"/>.</returns>
    [Alias("match")]
    Task<ShardMatches> MatchAsync(int version, [Immutable] FeaturePyramid query, [Immutable] ShardPicks picks, PixelSearchOptions options,
        CancellationToken cancellationToken);

    /// <summary>Closes all shards of the category that this silo has open and does not use, because the category is deleted.</summary>
    [Alias("forget")]
    Task ForgetAsync();
}

/// <summary>Images and their distances, nearest first.</summary>
[GenerateSerializer, Alias("spade.shard-neighbours"), Immutable]
public sealed record ShardNeighbours([property: Id(0)] ulong[] Ids, [property: Id(1)] float[] Distances)
{
    public static ShardNeighbours From(IReadOnlyList<Neighbour> neighbours) =>
        new([.. neighbours.Select(n => n.Id.Value)], [.. neighbours.Select(n => n.Distance)]);

    public IReadOnlyList<Neighbour> ToNeighbours() => [.. Ids.Zip(Distances, (id, d) => new Neighbour(new ImageId(id), d))];
}

/// <summary>Images to search, with their positions.</summary>
[GenerateSerializer, Alias("spade.shard-picks"), Immutable]
public sealed record ShardPicks([property: Id(0)] ulong[] Ids, [property: Id(1)] int[] Positions)
{
    public static ShardPicks From(IReadOnlyList<GalleryPick> picks) =>
        new([.. picks.Select(p => p.Id.Value)], [.. picks.Select(p => p.Position)]);

    public IReadOnlyList<GalleryPick> ToPicks() => [.. Ids.Zip(Positions, (id, p) => new GalleryPick(p, new ImageId(id)))];
}

/// <summary>One map per fused grid.</summary>
[GenerateSerializer, Alias("spade.shard-matches"), Immutable]
public sealed record ShardMatches([property: Id(0)] IReadOnlyList<PixelMatches> Maps);
