using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using SpadeCluster.Cli.Silo;
using SpadeCluster.Cluster;
using SpadeCluster.Cluster.Extraction;
using SpadeCluster.Cluster.Galleries;
using SpadeCluster.Galleries;
using SpadeCluster.Imaging;
using SpadeCluster.Server.Admission;
using SpadeCluster.Storage;
using SpadeCluster.Storage.Snapshots;

namespace SpadeCluster.Server.Tests;

/// <summary>A server over a cluster of one silo in this process, set up like 'spade serve', with the test's engines.</summary>
internal static class TestServer
{
    public static WebApplication Create(ServerOptions options, IGalleryStore store, TestEngines engines,
        Action<IServiceCollection>? configure = null, bool pages = false)
    {
        var app = SpadeServer.Create(options, builder => Configure(builder, store, engines, configure, pages));
        if (pages) app.MapOrleansPages();
        return app;
    }

    public static T Service<T>(this WebApplication app) where T : notnull => app.Services.GetRequiredService<T>();

    private static void Configure(WebApplicationBuilder builder, IGalleryStore store, TestEngines engines,
        Action<IServiceCollection>? configure, bool pages)
    {
        var services = builder.Services;
        services.AddSingleton(store).AddSingleton<IDeviceEngines>(engines).AddSingleton<IImagePreparers>(engines);
        services.AddSingleton(new ThumbnailEncoder(image => Thumbnail.Encode(image, GalleryService.MaxThumbnailBytes)));
        services.AddSingleton<ISnapshots>(store is GalleryStore lasting ? new StoreSnapshots(lasting) : new NoSnapshots());
        services.Configure<AdmissionOptions>(o => (o.Slots, o.MaxRequests) = (2, 66));
        services.Configure<GalleryOptions>(o => o.Threads = 1);
        builder.UseOrleans(silo =>
        {
            silo.AddSingleSilo();
            if (pages) silo.AddOrleansPages();
        });
        configure?.Invoke(services);
    }

    /// <summary>For stores that do not support snapshots.</summary>
    internal sealed class NoSnapshots : ISnapshots
    {
        public ValueTask ExportAsync(string category, string path, long reserve, CancellationToken cancellationToken = default) =>
            throw new NotSupportedException();

        public ValueTask<GalleryManifest> ImportAsync(string category, string path, string author,
            CancellationToken cancellationToken = default) => throw new NotSupportedException();
    }
}
