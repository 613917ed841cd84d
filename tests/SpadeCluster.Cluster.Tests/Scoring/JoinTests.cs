using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using SpadeCluster.Cluster.Placement;
using SpadeCluster.Cluster.Shards;
using SpadeCluster.Cluster.Tests.Support;
using SpadeCluster.Galleries;
using SpadeCluster.Scoring;
using Xunit.Abstractions;

namespace SpadeCluster.Cluster.Tests.Scoring;

[Collection("silos")]
public sealed class JoinTests(ITestOutputHelper output)
{
    private const int Shards = 16;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task A_silo_that_joins_takes_its_shards_under_load()
    {
        await using var silos = await TestSilos.StartAsync(new InMemoryGalleryStore(),
            [$"{SiloRole.Gateway},{SiloRole.Extractor}", SiloRole.Gallery], s => s.Configure<GalleryOptions>(o => o.Shards = Shards));
        await silos.Galleries.AddAsync("plate", Photos.Normals(Shards));
        await silos.Galleries.CalibrateAsync("plate", new ScoringOptions { Alpha = 0.2 });
        var photo = Photos.Mixed(1)[0];
        var expected = await silos.Scoring.ScoreAsync("plate", photo);

        using var stop = new CancellationTokenSource(Limit);
        int answered = 0;
        var load = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                SameBits.Assert(expected, await silos.Scoring.ScoreAsync("plate", photo));
                answered++;
            }
        });
        long start = Stopwatch.GetTimestamp();
        await silos.Cluster.StartAdditionalSiloAsync();
        double joined = Stopwatch.GetElapsedTime(start).TotalSeconds;
        var directory = silos.Gateway.GetRequiredService<ISiloDirectory>();
        while (directory.With(SiloRole.Gallery).Count < 2) await Task.Delay(10, stop.Token);
        int its = Enumerable.Range(0, Shards).Count(s => ShardPlacement.Rank("plate", s, directory.With(SiloRole.Gallery))[0].Address
            .Equals(silos.Cluster.Silos[2].SiloAddress));
        var cache = silos.Services(2).GetRequiredService<ShardCache>();
        while (cache.State.Opened < its) await Task.Delay(10, stop.Token);
        double taken = Stopwatch.GetElapsedTime(start).TotalSeconds;
        int before = Volatile.Read(ref answered);
        while (Volatile.Read(ref answered) == before && !load.IsCompleted) await Task.Yield();
        await stop.CancelAsync();
        await load;
        Assert.InRange(its, 1, Shards - 1);
        output.WriteLine($"a silo joined in {joined:0.0} s and had its {its} of {Shards} shards after {taken:0.0} s; {answered} answers "
            + "meanwhile, 0 wrong");
    }
}
