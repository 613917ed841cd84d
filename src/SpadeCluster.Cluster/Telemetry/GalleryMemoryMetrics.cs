using System.Diagnostics.Metrics;
using Microsoft.Extensions.Hosting;
using SpadeCluster.Cluster.Shards;
using SpadeCluster.Telemetry;

namespace SpadeCluster.Cluster.Telemetry;

/// <summary>Metrics of the gallery shards that this silo holds; a hosted service, so that they exist before the first image.</summary>
internal sealed class GalleryMemoryMetrics : IHostedService, IDisposable
{
    private readonly Meter _meter = new(SpadeMeter.Name);

    public GalleryMemoryMetrics(ShardCache shards)
    {
        ClusterMetrics.Create();
        _meter.CreateObservableGauge("spade.galleries.open", () => shards.State.Categories, "{gallery}");
        _meter.CreateObservableGauge("spade.galleries.memory", () => shards.State.Bytes, "By", "Memory limit of the open gallery shards");
        _meter.CreateObservableCounter("spade.galleries.opened", () => shards.State.Opened, "{shard}");
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose() => _meter.Dispose();
}
