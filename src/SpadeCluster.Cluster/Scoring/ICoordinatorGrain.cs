using SpadeCluster.Cluster.Categories;
using SpadeCluster.Cluster.Shards;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Scoring;

namespace SpadeCluster.Cluster.Scoring;

/// <summary>
/// Scores a category's images (key: category). One worker on every gateway: a gateway calls its own, without copying; a client outside the
/// cluster calls that of the gateway it is connected to.
/// </summary>
[Alias("spade.ICoordinatorGrain")]
public interface ICoordinatorGrain : IGrainWithStringKey
{
    /// <remarks>The caller's token is its deadline.</remarks>
    [Alias("score"), ResponseTimeout("00:05:00")]
    Task<CoordinatedScore> ScoreAsync([Immutable] ImageFile image, CancellationToken cancellationToken);

    /// <summary>The same with a given version, which decides nothing.</summary>
    /// <exception cref="VersionGoneException">There is no such version.</exception>
    [Alias("score-version"), ResponseTimeout("00:05:00")]
    Task<CoordinatedScore> ScoreVersionAsync([Immutable] ImageFile image, int version, CancellationToken cancellationToken);

    /// <summary>Makes the coordinator score with this version or a later one from now on.</summary>
    [Alias("advance")]
    Task AdvanceAsync(int version, CancellationToken cancellationToken);
}

/// <param name="Id">The photograph's id.</param>
/// <param name="Prepared">The photograph, prepared.</param>
/// <param name="Version">The gallery version that scored it.</param>
/// <param name="Result">Without its calibration if it comes from another process; the version has it.</param>
[GenerateSerializer, Alias("spade.coordinated-score"), Immutable]
public sealed record CoordinatedScore(
    [property: Id(0)] ImageId Id, [property: Id(1)] PreparedImage Prepared, [property: Id(2)] int Version,
    [property: Id(3)] ScoreResult Result);
