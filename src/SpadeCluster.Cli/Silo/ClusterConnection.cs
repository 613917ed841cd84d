using SpadeCluster.Cluster.Clients;

namespace SpadeCluster.Cli.Silo;

/// <summary>The engine of 'spade serve --cluster': an Orleans client of a cluster.</summary>
internal static class ClusterConnection
{
    /// <param name="pages">Whether to show Orleans' dashboard.</param>
    /// <param name="tlsFolder">Folder of certificates, as for a silo; null: the cluster does not use TLS.</param>
    public static void AddClusterClient(this WebApplicationBuilder builder, IReadOnlyList<string> gateways, string clusterId,
        string? tlsFolder = null, bool pages = false)
    {
        builder.UseOrleansClient(client =>
        {
            client.AddSpadeClusterClient(gateways, clusterId).AddActivityPropagation();
            if (tlsFolder is not null) client.UseMutualTls(tlsFolder);
        });
        if (pages) builder.Services.AddOrleansPages();
        builder.Logging.AddFilter("Orleans", LogLevel.Error);
    }
}
