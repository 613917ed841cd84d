using SpadeCluster.Galleries;
using SpadeCluster.Cluster.Categories;
using SpadeCluster.Scoring;

namespace SpadeCluster.Cluster.Scoring;

/// <summary>Scoring at a gateway: the photograph goes to the category's coordinator in this process.</summary>
internal sealed class ClusterScoringService(IGrainFactory grains) : IScoringService
{
    public async ValueTask<ScoredImage> ScoreAsync(string category, ImageSource source, CancellationToken cancellationToken = default)
    {
        var coordinator = grains.GetGrain<ICoordinatorGrain>(CategoryName.Check(category));
        var answer = await coordinator.ScoreAsync(new ImageFile(source.Name, await source.ReadAsync(cancellationToken)), cancellationToken);
        // Orleans places stateless workers elsewhere only when this silo is leaving.
        return answer.Score ?? throw new SpadeException(SpadeError.Unavailable,
            "this gateway is leaving the cluster; go on with another one");
    }
}
