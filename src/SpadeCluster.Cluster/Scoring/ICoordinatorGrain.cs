using SpadeCluster.Cluster.Categories;
using SpadeCluster.Scoring;

namespace SpadeCluster.Cluster.Scoring;

/// <summary>
/// Scores a category's images on the gateway that was asked (key: category). A stateless worker: it is always in the
/// caller's process, so image and map are passed by reference and nothing is sent for asking it.
/// </summary>
[Alias("spade.ICoordinatorGrain")]
public interface ICoordinatorGrain : IGrainWithStringKey
{
    /// <remarks>The caller's token is its deadline; Orleans' own, for lost messages, has no job within a process.</remarks>
    [Alias("score"), ResponseTimeout("1.00:00:00")]
    Task<CoordinatedScore> ScoreAsync([Immutable] ImageFile image, CancellationToken cancellationToken);

    /// <summary>Returns when it knows of this version or a later one, and judges accordingly.</summary>
    [Alias("advance")]
    Task AdvanceAsync(int version, CancellationToken cancellationToken);
}

/// <summary>A score within its process. It holds the photograph, the gallery's manifest and the map, and is not made to travel:
/// sent to another silo, it would arrive empty.</summary>
[GenerateSerializer, Alias("spade.coordinated-score"), Immutable]
public sealed class CoordinatedScore(ScoredImage? score)
{
    [field: NonSerialized]
    public ScoredImage? Score { get; } = score;
}
