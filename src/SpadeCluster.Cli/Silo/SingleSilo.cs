using SpadeCluster.Cluster;
using SpadeCluster.Storage;

namespace SpadeCluster.Cli.Silo;

/// <summary>The engine of 'spade serve': a cluster of one silo in the server's process.</summary>
internal static class SingleSilo
{
    /// <param name="store">The galleries.</param>
    /// <param name="model">Folder of the model for new categories; null: the default model.</param>
    /// <param name="device">Where models run.</param>
    /// <param name="threads">Threads for one image; 0: its share of the processors.</param>
    /// <param name="memory">Memory limit of all open galleries together, in bytes.</param>
    /// <param name="keepDeletedDays">Days for which a deleted category can be restored.</param>
    /// <param name="pages">Whether to collect data for Orleans' dashboard.</param>
    public static void AddSingleSilo(this WebApplicationBuilder builder, GalleryStore store, string? model, string device, int threads,
        long memory, double keepDeletedDays, bool pages = false)
    {
        var (services, logging) = (builder.Services, builder.Logging);
        // As many slots as images that can be computed at the same time; a GPU has one for all images.
        int extractors = device.StartsWith("cpu", StringComparison.OrdinalIgnoreCase)
            ? Math.Max(1, Environment.ProcessorCount / Math.Max(1, threads)) : 1;
        services.Configure<SiloOptions>(o =>
            (o.DefaultModel, o.Devices, o.Threads) = (model, string.Join(',', Enumerable.Repeat(device, extractors)), threads));
        // At most half of the memory for one gallery, so that the thresholds of the next version can be learned while this one scores.
        long smallest = 1L << 20;
        services.Configure<GalleryOptions>(o =>
            (o.Memory, o.ShardMemory, o.Threads, o.KeepDeletedDays) =
                (Math.Max(memory, smallest), Math.Max(memory / 2, smallest), threads, keepDeletedDays));
        services.AddSingleton(store);
        services.AddEngines();
        builder.UseOrleans(silo =>
        {
            silo.AddSingleSilo(extractors).AddActivityPropagation();
            if (pages) silo.AddOrleansPages();
        });
        logging.AddFilter("Orleans", LogLevel.Error);
    }
}
