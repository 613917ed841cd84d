using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Orleans.Configuration;
using Orleans.Placement;
using Orleans.Runtime.MembershipService.SiloMetadata;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Cluster.Categories;
using SpadeCluster.Cluster.Extraction;
using SpadeCluster.Cluster.Galleries;
using SpadeCluster.Cluster.Placement;
using SpadeCluster.Cluster.Resilience;
using SpadeCluster.Cluster.Scoring;
using SpadeCluster.Cluster.Shards;
using SpadeCluster.Scoring;

namespace SpadeCluster.Cluster;

/// <summary>Makes an Orleans silo one of a SpadeCluster.</summary>
public static class ClusterHosting
{
    /// <summary>
    /// Needs, from the host: an <see cref="SpadeCluster.Galleries.IGalleryStore"/> on every silo, <see cref="IDeviceEngines"/> on
    /// extractor silos, <see cref="IImagePreparers"/> on gateways.
    /// </summary>
    public static ISiloBuilder AddSpadeCluster(this ISiloBuilder silo, SiloProfile profile)
    {
        silo.UseSiloMetadata(profile.ToMetadata());
        var services = silo.Services;
        services.AddPlacementFilter<OnSiloWithStrategy, OnSiloWithDirector>(ServiceLifetime.Transient);
        services.AddOptionsWithValidateOnStart<ClusterOptions>().ValidateDataAnnotations();
        services.AddOptionsWithValidateOnStart<ExtractorOptions>().ValidateDataAnnotations();
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<ISiloDirectory, SiloDirectory>();
        services.AddHostedService<StaleConnections>();
        services.Configure<SiloConnectionOptions>(o =>
        {
            o.ConfigureSiloOutboundConnection(StaleConnections.Track);
            o.ConfigureSiloOutboundConnection(StaleConnections.Watch);
            o.ConfigureSiloInboundConnection(StaleConnections.Watch);
        });
        services.AddSingleton<LostSilos>();
        services.AddSingleton<SiloCalls>();
        services.AddSingleton<ManifestCache>();
        services.AddSingleton<SteadyVersions>();
        services.AddSingleton<ClusterGalleries>();
        services.AddSingleton<ExtractorPool>();
        services.AddSingleton<BoundedDecoding>();
        services.AddSingleton<ClusterEngines>();
        services.AddSingleton<IFeatureEngines>(s => s.GetRequiredService<ClusterEngines>());
        services.AddSingleton<ClusterGalleryServices>();
        services.AddSingleton<IGalleryServices>(s => s.GetRequiredService<ClusterGalleryServices>());
        services.AddSingleton<CategoryVersions>();
        services.AddSingleton<IVersionWatch>(s => s.GetRequiredService<CategoryVersions>());
        services.AddSingleton<IScoringService, ClusterScoringService>();
        return silo;
    }
}
