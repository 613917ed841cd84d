using Microsoft.Extensions.DependencyInjection;
using SpadeCluster.Cluster.Extraction;
using SpadeCluster.Cluster.Placement;
using SpadeCluster.Cluster.Shards;
using SpadeCluster.Features;
using SpadeCluster.Galleries;

namespace SpadeCluster.Cluster.Galleries;

/// <summary>The models of the cluster, and this silo's extractors and gallery memory.</summary>
internal sealed class EngineStatus(ExtractorPool pool, SiloProfile profile, ShardCache shards, IServiceProvider services) : IEngineStatus
{
    public async ValueTask<IReadOnlyList<FeatureModel>> ListModelsAsync(CancellationToken cancellationToken = default)
        => await pool.ListModelsAsync(cancellationToken);

    public IReadOnlyList<ExtractorHealth> Extractors
        => profile.Roles.Contains(SiloRole.Extractor) ? [.. services.GetRequiredService<IDeviceEngines>().Health] : [];

    public GalleryMemory? Memory => profile.Roles.Contains(SiloRole.Gallery) ? shards.State : null;
}
