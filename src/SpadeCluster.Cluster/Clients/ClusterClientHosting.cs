using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;
using Orleans.Messaging;
using SpadeCluster.Cluster.Categories;
using SpadeCluster.Cluster.Resilience;
using SpadeCluster.Cluster.Scoring;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Scoring;

namespace SpadeCluster.Cluster.Clients;

/// <summary>Adds the services with which a server outside a cluster uses it as an Orleans client, without grains, galleries and models of
/// its own.</summary>
public static class ClusterClientHosting
{
    /// <param name="gateways">Orleans gateways of the cluster, each HOST:PORT.</param>
    /// <param name="clusterId">The cluster's name, as set on its silos.</param>
    /// <exception cref="SpadeException">InvalidArgument: an address is not HOST:PORT.</exception>
    public static IClientBuilder AddSpadeClusterClient(this IClientBuilder client, IReadOnlyList<string> gateways, string clusterId)
    {
        var addresses = gateways.Select(GatewayAddresses.Parse).ToList();
        client.Configure<ClusterOptions>(o => (o.ClusterId, o.ServiceId) = (clusterId, "spade"));
        var services = client.Services;
        services.AddSingleton<IGatewayListProvider>(s =>
            new GatewayAddresses(addresses, s.GetRequiredService<ILogger<GatewayAddresses>>()));
        services.TryAddSingleton(TimeProvider.System);
        var loss = new GatewayLoss();
        services.AddSingleton(loss);
        client.Configure<ClientConnectionOptions>(o => o.ConfigureConnection(loss.Watch));
        services.AddSingleton<GrainCalls>().AddSingleton<ClientGalleries>();
        services.AddSingleton<IGalleryServices>(s => s.GetRequiredService<ClientGalleries>());
        services.AddSingleton<IEngineStatus>(s => s.GetRequiredService<ClientGalleries>());
        services.AddSingleton<ISnapshots>(s => s.GetRequiredService<ClientGalleries>());
        services.AddSingleton(s => s.GetRequiredService<ClientGalleries>().Manifests);
        services.AddSingleton<IVersionWatch, CategoryVersions>();
        services.AddSingleton<ClusterScoringService>();
        services.AddSingleton<IScoringService>(s => s.GetRequiredService<ClusterScoringService>());
        services.AddSingleton<IVersionScoring>(s => s.GetRequiredService<ClusterScoringService>());
        client.UseConnectionRetryFilter<FirstConnection>();
        return client;
    }
}
