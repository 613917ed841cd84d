using SpadeCluster.Cluster.Clients;

namespace SpadeCluster.Cli.Silo;

/// <summary>A server outside the cluster whose grains it calls: the engine of 'spade serve --cluster'.</summary>
internal static class ClusterFront
{
    /// <param name="tlsFolder">As of a silo; null: the cluster does without TLS.</param>
    public static void AddClusterClient(this WebApplicationBuilder builder, IReadOnlyList<string> gateways, string clusterId,
        string? tlsFolder = null)
    {
        builder.Services.AddSingleton<IHostedService>(_ =>
            new Telemetry("spade-server", null, new ConfigurationBuilder().AddEnvironmentVariables().Build()));
        builder.UseOrleansClient(client =>
        {
            client.AddSpadeClusterClient(gateways, clusterId).AddActivityPropagation();
            if (tlsFolder is not null) client.UseMutualTls(tlsFolder);
        });
        builder.Logging.AddFilter("Orleans", LogLevel.Error);
    }
}
