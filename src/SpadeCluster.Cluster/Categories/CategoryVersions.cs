using SpadeCluster.Galleries;
using SpadeCluster.Cluster.Resilience;

namespace SpadeCluster.Cluster.Categories;

/// <summary>Watches current versions through the categories' grains.</summary>
internal sealed class CategoryVersions(IGrainFactory grains, GrainCalls calls) : IVersionWatch
{
    public async ValueTask<int> WaitAsync(string category, int? seen, CancellationToken cancellationToken = default)
    {
        var grain = grains.GetGrain<ICategoryGrain>(CategoryName.Check(category));
        int version = await calls.CallAsync(_ => grain.WaitForVersionAsync(seen ?? 0, cancellationToken), cancellationToken);
        return version > 0 ? version
            : throw new SpadeException(SpadeError.NotFound, $"no category '{category}'; 'spade gallery list' shows what there is");
    }
}
