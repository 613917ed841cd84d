using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Orleans.Configuration;
using Orleans.Placement;
using Orleans.Runtime.MembershipService.SiloMetadata;
using SpadeCluster.Cluster.Categories;
using SpadeCluster.Cluster.Extraction;
using SpadeCluster.Cluster.Galleries;
using SpadeCluster.Cluster.Placement;
using SpadeCluster.Cluster.Resilience;
using SpadeCluster.Cluster.Scoring;
using SpadeCluster.Cluster.Shards;
using SpadeCluster.Cluster.Telemetry;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Scoring;

namespace SpadeCluster.Cluster;

/// <summary>Adds SpadeCluster's grains and services to an Orleans silo.</summary>
public static class ClusterHosting
{
    /// <summary>
    /// The host must provide an <see cref="IGalleryStore"/> on every silo, <see cref="IDeviceEngines"/> on extractor silos and
    /// <see cref="IImagePreparers"/> on gateways.
    /// </summary>
    public static ISiloBuilder AddSpadeCluster(this ISiloBuilder silo, SiloProfile profile)
    {
        silo.UseSiloMetadata(profile.ToMetadata());
        var services = silo.Services;
        services.AddPlacementFilter<OnSiloWithStrategy, OnSiloWithDirector>(ServiceLifetime.Transient);
        services.AddOptionsWithValidateOnStart<GalleryOptions>().ValidateDataAnnotations();
        services.AddOptionsWithValidateOnStart<ExtractorOptions>().ValidateDataAnnotations();
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(profile);
        services.AddSingleton<ISiloDirectory, SiloDirectory>();
        services.AddHostedService<StaleConnections>();
        services.Configure<SiloConnectionOptions>(o =>
        {
            o.ConfigureSiloOutboundConnection(StaleConnections.Track);
            o.ConfigureSiloOutboundConnection(StaleConnections.Watch);
            o.ConfigureSiloInboundConnection(StaleConnections.Watch);
        });
        services.AddSingleton<LostSilos>();
        services.AddSingleton<GrainCalls>();
        services.AddSingleton<SiloCalls>();
        services.AddSingleton(s => new ManifestCache(s.GetRequiredService<IGalleryStore>().ReadVersionAsync,
            s.GetRequiredService<TimeProvider>()));
        services.AddSingleton<ScoringVersions>();
        services.AddSingleton<ShardCache>();
        services.AddSingleton<HotCategories>();
        services.AddSingleton<ShardCoordinators>();
        services.AddSingleton<ExtractorPool>();
        services.AddSingleton<BoundedDecoding>();
        services.AddSingleton<ClusterEngines>();
        services.AddSingleton<IFeatureEngines>(s => s.GetRequiredService<ClusterEngines>());
        services.AddSingleton<ClusterGalleryServices>();
        services.AddSingleton<IGalleryServices>(s => s.GetRequiredService<ClusterGalleryServices>());
        services.AddSingleton<CategoryVersions>();
        services.AddSingleton<IVersionWatch>(s => s.GetRequiredService<CategoryVersions>());
        services.AddSingleton<ClusterScoringService>();
        services.AddSingleton<IScoringService>(s => s.GetRequiredService<ClusterScoringService>());
        services.AddSingleton<IVersionScoring>(s => s.GetRequiredService<ClusterScoringService>());
        services.AddSingleton<IEngineStatus, EngineStatus>();
        services.AddHostedService<GalleryMemoryMetrics>();
        services.AddHostedService<DeletionSweep>();
        return silo;
    }

    /// <summary>
    /// Makes a cluster of one silo with all roles. The silo listens on a loopback port, and its cluster has a random name: other silos and
    /// clients are refused because they do not know the name.
    /// </summary>
    /// <param name="extractors">Number of extractors, which work in parallel.</param>
    public static ISiloBuilder AddSingleSilo(this ISiloBuilder silo, int extractors = 1)
    {
        var endpoint = new IPEndPoint(IPAddress.Loopback, LoopbackPorts.Next());
        silo.UseLocalhostClustering(endpoint.Port, gatewayPort: 0, endpoint, serviceId: "spade", clusterId: Guid.NewGuid().ToString("n"));
        return silo.AddSpadeCluster(new SiloProfile(SiloRole.All, extractors));
    }

    /// <summary>
    /// Ends connections that close without sending anything before they reach TLS, which must be added after this. Silos check each
    /// other's ports by such connections (<see cref="LostSilos"/>), and TLS would log each as a failed handshake.
    /// </summary>
    public static ISiloBuilder IgnorePortChecks(this ISiloBuilder silo) => silo.Configure<SiloConnectionOptions>(o =>
        o.ConfigureSiloInboundConnection(connections => connections.Use(next => async connection =>
        {
            var received = await connection.Transport.Input.ReadAsync();
            if (received.IsCompleted && received.Buffer.IsEmpty) return;
            // Nothing is consumed: TLS reads the same bytes again.
            connection.Transport.Input.AdvanceTo(received.Buffer.Start);
            await next(connection);
        })));
}
