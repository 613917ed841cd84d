using Microsoft.Extensions.DependencyInjection;
using Orleans;
using Orleans.Runtime;
using SpadeCluster.Cluster.Tests.Support;
using SpadeCluster.Galleries;
using SpadeCluster.Cluster;
using SpadeCluster.Cluster.Placement;
using SpadeCluster.Scoring;

namespace SpadeCluster.Cluster.Tests.Scoring;

[Collection("silos")]
public sealed class ReplicaTests
{
    [Fact]
    public async Task Two_replicas_are_on_different_silos_and_losing_one_loads_nothing()
    {
        var store = WatchedStore.Over(new InMemoryGalleryStore(), out var watched);
        await using var silos = await TestSilos.StartAsync(store,
            [$"{SiloRole.Gateway},{SiloRole.Extractor}", SiloRole.Gallery, SiloRole.Gallery],
            s => s.Configure<GalleryOptions>(o => (o.Shards, o.Replicas) = (2, 2)));
        await silos.Galleries.AddAsync("plate", Photos.Normals(8));
        await silos.Galleries.CalibrateAsync("plate", new ScoringOptions { Alpha = 0.2 });
        var photos = Photos.Mixed(3);
        var before = new List<ScoredImage>();
        foreach (var photo in photos) before.Add(await silos.Scoring.ScoreAsync("plate", photo));

        // Callers choose replicas at random: repeat until all four are loaded.
        var management = silos.Gateway.GetRequiredService<IGrainFactory>().GetGrain<IManagementGrain>(0);
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        DetailedGrainStatistic[] shards;
        while ((shards = await ShardsAsync(management)).Length < 4 || watched.PinsOf(2) < 4)
            await silos.Scoring.ScoreAsync("plate", photos[0], limit.Token);
        foreach (var shard in shards.GroupBy(s => s.GrainId.Key.ToString()!.Split('@')[0]))
            Assert.Equal(2, shard.Select(s => s.SiloAddress).Distinct().Count());

        int loaded = watched.Pins;
        await silos.Cluster.KillSiloAsync(silos.Cluster.Silos[2]);
        for (int i = 0; i < 12; i++)
            SameBits.Assert(before[i % 3], await silos.Scoring.ScoreAsync("plate", photos[i % 3], limit.Token));
        Assert.Equal(loaded, watched.Pins);
    }

    private static async Task<DetailedGrainStatistic[]> ShardsAsync(IManagementGrain management)
        => [.. (await management.GetDetailedGrainStatistics())
            .Where(s => s.GrainId.Type.ToString()!.Contains("galleryshard", StringComparison.OrdinalIgnoreCase))];
}
