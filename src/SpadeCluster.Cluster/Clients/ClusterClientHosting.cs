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

/// <summary>Makes an Orleans client a server's way into a SpadeCluster: it holds no grain, no gallery and no model.</summary>
public static class ClusterClientHosting
{
    private static readonly TimeSpan FirstConnection = TimeSpan.FromSeconds(30), BetweenAttempts = TimeSpan.FromMilliseconds(500);

    /// <param name="gateways">Orleans gateways of the cluster, HOST:PORT each.</param>
    /// <param name="clusterId">The cluster's name, as its silos have it.</param>
    /// <exception cref="SpadeException">InvalidArgument: an address is none.</exception>
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
        services.AddSingleton<IScoringService, ClusterScoringService>();
        long start = TimeProvider.System.GetTimestamp();
        // Server and cluster are often started together.
        client.UseConnectionRetryFilter(async (_, stop) =>
        {
            if (TimeProvider.System.GetElapsedTime(start) > FirstConnection) return false;
            await Task.Delay(BetweenAttempts, stop);
            return true;
        });
        return client;
    }
}
