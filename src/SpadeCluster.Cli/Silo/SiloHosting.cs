using System.Net;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Orleans.Configuration;
using SpadeCluster.Galleries;
using SpadeCluster.Cluster;
using SpadeCluster.Cluster.Extraction;
using SpadeCluster.Cluster.Galleries;
using SpadeCluster.Cluster.Placement;
using SpadeCluster.Imaging;
using SpadeCluster.Server.Telemetry;
using SpadeCluster.Storage;
using SpadeCluster.Storage.Files;
using SpadeCluster.Storage.Postgres;
using SpadeCluster.Storage.Snapshots;
using ClusterOptions = Orleans.Configuration.ClusterOptions;

namespace SpadeCluster.Cli.Silo;

/// <summary>Configures a silo's process by its options.</summary>
internal static partial class SiloHosting
{
    private const string Ready = "ready", Live = "live";

    public static void AddSilo(this WebApplicationBuilder builder, SiloOptions options)
    {
        var (services, configuration) = (builder.Services, builder.Configuration);
        services.Configure<SiloOptions>(configuration.GetSection(SiloOptions.Section));
        services.Configure<GalleryOptions>(configuration.GetSection($"{SiloOptions.Section}:Cluster"));
        services.Configure<ExtractorOptions>(configuration.GetSection($"{SiloOptions.Section}:Extractor"));
        services.Configure<HostOptions>(o => o.ShutdownTimeout = options.DrainTime + TimeSpan.FromSeconds(10));

        services.AddSingleton(s => Store(options, s.GetRequiredService<ILogger<IGalleryStore>>()));
        services.AddEngines();
        services.AddHostedService<IdleMemory>();
        var health = services.AddHealthChecks().AddCheck<SiloHealth>("silo", tags: [Ready]);
        if (options.Has(SiloRole.Extractor)) health.AddCheck<DeviceHealth>("devices", tags: [Ready, Live]);
        services.AddSingleton(_ => new TelemetryExport("spade-silo", options.SiloName));
        builder.UseOrleans(silo => silo.Join(options).AddSpadeCluster(new SiloProfile(options.RoleList, options.DeviceList.Count)));
        // Added after the silo, so that it starts after it and stops before it.
        if (options.Has(SiloRole.Gateway))
            services.AddSingleton<GatewayServer>().AddHostedService(s => s.GetRequiredService<GatewayServer>());
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(options));
    }

    /// <summary>Services that every host of grains needs in addition to its gallery store.</summary>
    public static void AddEngines(this IServiceCollection services)
    {
        services.AddSingleton<IGalleryStore>(s => s.GetRequiredService<GalleryStore>());
        services.AddSingleton<ISnapshots, StoreSnapshots>();
        services.AddSingleton(new ThumbnailEncoder(image => Thumbnail.Encode(image, GalleryService.MaxThumbnailBytes)));
        services.AddSingleton<DeviceEngines>();
        services.AddSingleton<IDeviceEngines>(s => s.GetRequiredService<DeviceEngines>());
        services.AddSingleton<IImagePreparers, ImagePreparers>();
    }

    public static void MapSilo(this WebApplication app, SiloOptions options)
    {
        // Created now, so that it counts from the start.
        var telemetry = app.Services.GetRequiredService<TelemetryExport>();
        if (options.MetricsPort > 0) telemetry.Serve(app, options.MetricsPort);
        foreach (var (path, tag) in new[] { ("/health/startup", Ready), ("/health/ready", Ready), ("/health/live", Live) })
            app.MapHealthChecks(path,
                new HealthCheckOptions { Predicate = c => c.Tags.Contains(tag), ResponseWriter = HealthReports.WriteAsync });
    }

    private static ISiloBuilder Join(this ISiloBuilder silo, SiloOptions options)
    {
        if (options.Clustering == ClusteringKind.Localhost)
        {
            silo.UseLocalhostClustering(options.SiloPort, options.GatewayPort, new IPEndPoint(IPAddress.Loopback, options.PrimaryPort),
                serviceId: "spade", clusterId: options.ClusterId);
        }
        else
        {
            silo.UseAdoNetClustering(o => (o.Invariant, o.ConnectionString) =
                ("Npgsql", DatabaseSettings.ForMembers(options.DatabaseConnection!)));
            if (options.SiloAddress is { } text && IPAddress.Parse(text) is var address)
                silo.ConfigureEndpoints(address, options.SiloPort, options.GatewayPort,
                    listenOnAnyHostAddress: !IPAddress.IsLoopback(address));
            else silo.ConfigureEndpoints(options.SiloPort, options.GatewayPort);
        }
        if (options.TlsFolder is { } tls) silo.UseMutualTls(tls);
        if (options.OrleansDashboard) silo.AddOrleansPages();
        silo.Configure<ClusterOptions>(o => (o.ClusterId, o.ServiceId) = (options.ClusterId, "spade"));
        silo.Configure<Orleans.Configuration.SiloOptions>(o => o.SiloName = options.SiloName);
        silo.Configure<ClusterMembershipOptions>(o =>
        {
            o.ProbeTimeout = options.ProbeInterval;
            o.NumMissedProbesLimit = 3;
            o.TableRefreshTimeout = TimeSpan.FromSeconds(5);
        });
        return silo.AddActivityPropagation();
    }

    private static void Listen(this KestrelServerOptions kestrel, SiloOptions options)
    {
        var address = options.LoopbackOnly ? IPAddress.Loopback : IPAddress.Any;
        kestrel.Listen(address, options.HealthPort, l => l.Protocols = HttpProtocols.Http1);
        if (options.MetricsPort > 0) kestrel.Listen(address, options.MetricsPort, l => l.Protocols = HttpProtocols.Http1);
    }

    private static GalleryStore Store(SiloOptions options, ILogger logger) => options.Store == StoreKind.Files
        ? new FileGalleryStore(options.Galleries) { Warning = text => LogStore(logger, text) }
        : new PostgresGalleryStore(options.DatabaseConnection!) { Warning = text => LogStore(logger, text) };

    [LoggerMessage(Level = LogLevel.Warning, Message = "Gallery store: {Warning}")]
    private static partial void LogStore(ILogger logger, string warning);
}
