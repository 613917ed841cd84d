using SpadeCluster.Cluster.Placement;
using SpadeCluster.Cluster.Shards;
using SpadeCluster.Cluster.Tests.Support;
using SpadeCluster.Galleries;
using SpadeCluster.Scoring;
using Microsoft.Extensions.DependencyInjection;
using Xunit.Abstractions;

namespace SpadeCluster.Cluster.Tests.Scoring;

/// <summary>A category under load is opened by more gallery silos than configured; when others need the memory, it is closed
/// again.</summary>
[Collection("silos")]
public sealed class HotCategoryTests(ITestOutputHelper output)
{
    private const string Hot = "hot";
    private const int GallerySilos = 3, Cold = 30, Normals = 4, Fit = 2, Senders = 8;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(90);

    [Fact]
    public async Task A_hot_category_gets_replicas_which_end_when_others_need_the_memory()
    {
        var model = FakeExtractor.MediumModel;
        var store = new InMemoryGalleryStore();
        var engines = new FakeEngines(new FakeExtractor(model));
        var galleries = new GalleryService(store, engines, "test");
        var (photo, normals) = (Photos.Mixed(1)[0], Photos.Normals(Cold + Normals));
        var expected = new Dictionary<string, ScoredImage>();
        GalleryManifest manifest = null!;
        string[] cold = [.. Enumerable.Range(0, Cold).Select(c => $"cold-{c}")];
        using (var alone = new ScoringService(store, engines))
            foreach (var (i, category) in cold.Append(Hot).Index())
            {
                await galleries.AddAsync(category, [.. normals.Skip(i).Take(Normals)]);
                manifest = await galleries.CalibrateAsync(category, new ScoringOptions { GatePolicy = GatePolicy.Always, Alpha = 0.2 });
                expected[category] = await alone.ScoreAsync(category, photo);
            }
        long budget = Fit * GalleryShard.MemoryFor(manifest, Normals, long.MaxValue, long.MaxValue);
        await using var silos = await TestSilos.StartAsync(store,
            [$"{SiloRole.Gateway},{SiloRole.Extractor}", .. Enumerable.Repeat(SiloRole.Gallery, GallerySilos)],
            s => s.Configure<GalleryOptions>(o => (o.Memory, o.CallsPerReplica) = (budget, 0.05)), _ => new FakeExtractor(model));
        ShardCache[] caches = [.. Enumerable.Range(1, GallerySilos).Select(s => silos.Services(s).GetRequiredService<ShardCache>())];

        await ScoreAsync(Hot);
        Assert.Equal(1, caches.Count(c => c.Holds(Hot)));

        using var limit = new CancellationTokenSource(Limit);
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(limit.Token);
        int answered = 0;
        await Task.WhenAll(Enumerable.Range(0, Senders).Select(_ => Task.Run(async () =>
        {
            while (!enough.IsCancellationRequested)
            {
                await ScoreAsync(Hot);
                Interlocked.Increment(ref answered);
                if (caches.All(c => c.Holds(Hot))) await enough.CancelAsync();
            }
        })));
        Assert.True(caches.All(c => c.Holds(Hot)), $"{caches.Count(c => c.Holds(Hot))} of {GallerySilos} silos have the category open");

        foreach (string category in cold) await ScoreAsync(category);
        Assert.Equal(0, caches.Count(c => c.Holds(Hot)));
        output.WriteLine($"{GallerySilos} silos opened a hot category, which {answered} images were scored with; {Cold} cold categories "
            + "closed it again; 0 wrong");

        async Task ScoreAsync(string category)
        {
            SameBits.Assert(expected[category], await silos.Scoring.ScoreAsync(category, photo));
            Assert.All(caches, c => Assert.InRange(c.State.Bytes, 0, budget));
        }
    }
}
