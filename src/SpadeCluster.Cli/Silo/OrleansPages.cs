using Orleans.Dashboard;
using SpadeCluster.Server;

namespace SpadeCluster.Cli.Silo;

/// <summary>Orleans' dashboard: silos, activations, calls and errors of grains. It only reads. Its live log stays hidden, because logs name
/// addresses and files.</summary>
internal static class OrleansPages
{
    public const string Path = "/orleans";

    /// <summary>Collects a silo's data.</summary>
    public static ISiloBuilder AddOrleansPages(this ISiloBuilder silo) => silo.AddDashboard(Configure);

    /// <summary>Reads the silos' data from a process that has none itself; needs IGrainFactory among the services.</summary>
    public static void AddOrleansPages(this IServiceCollection services) => new Client(services).AddDashboard(Configure);

    /// <summary>Maps the pages for engineers with a key for all categories.</summary>
    public static void MapOrleansPages(this WebApplication server) =>
        server.MapOrleansDashboard(Path).RequireAuthorization(SpadeServer.EngineersForAll).ExcludeFromDescription();

    private static void Configure(DashboardOptions options) => options.HideTrace = true;

    /// <summary>Where the package adds its services.</summary>
    private sealed record Client(IServiceCollection Services) : IClientBuilder
    {
        public IConfiguration Configuration { get; } = new ConfigurationBuilder().Build();
    }
}
