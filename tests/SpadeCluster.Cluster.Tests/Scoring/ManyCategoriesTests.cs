using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using SpadeCluster.Cluster.Placement;
using SpadeCluster.Cluster.Shards;
using SpadeCluster.Cluster.Tests.Support;
using SpadeCluster.Galleries;
using SpadeCluster.Scoring;
using SpadeCluster.Storage.Files;
using Xunit.Abstractions;

namespace SpadeCluster.Cluster.Tests.Scoring;

/// <summary>Ten times as many categories as fit into a gallery silo's memory: every answer is right, and the memory is bounded.</summary>
[Collection("silos")]
[Trait("Category", "Long")]
public sealed class ManyCategoriesTests(ITestOutputHelper output)
{
    private const int Categories = 200, Fit = 20, Normals = 10, Images = 1000;

    [Fact]
    public async Task Two_hundred_categories_on_memory_for_twenty()
    {
        string folder = Directory.CreateTempSubdirectory("spade-many-").FullName;
        var model = FakeExtractor.MediumModel;
        try
        {
            var store = new FileGalleryStore(folder);
            var engines = new FakeEngines(new FakeExtractor(model));
            var galleries = new GalleryService(store, engines, "test");
            var (photos, normals) = (Photos.Mixed(2), Photos.Normals(Categories + Normals));
            var expected = new ScoredImage[Categories, photos.Count];
            GalleryManifest manifest = null!;
            for (int c = 0; c < Categories; c++)
            {
                // Every category has other normals, so an answer from a wrong one would differ.
                await galleries.AddAsync(Name(c), [.. normals.Skip(c).Take(Normals)]);
                manifest = await galleries.CalibrateAsync(Name(c), new ScoringOptions { GatePolicy = GatePolicy.Always, Alpha = 0.2 });
                using var alone = new ScoringService(store, engines);
                for (int p = 0; p < photos.Count; p++) expected[c, p] = await alone.ScoreAsync(Name(c), photos[p]);
            }
            long each = GalleryShard.MemoryFor(manifest, Normals, long.MaxValue, long.MaxValue), budget = Fit * each;
            await using var silos = await TestSilos.StartAsync(store, [$"{SiloRole.Gateway},{SiloRole.Extractor}", SiloRole.Gallery],
                s => s.Configure<GalleryOptions>(o => o.Memory = budget), _ => new FakeExtractor(model));
            var cache = silos.Services(1).GetRequiredService<ShardCache>();

            var random = new Random(1);
            output.WriteLine($"{Categories} categories of {Normals} normals, {each / 1e6:0.0} MB each; memory for {Fit}");
            // The first round also starts the coordinators.
            await RateAsync("once each", Enumerable.Range(0, Categories));
            await RateAsync($"{Fit} categories", Enumerable.Range(0, Images).Select(_ => random.Next(Fit)));
            await RateAsync($"80 % of the images from {Fit} categories",
                Enumerable.Range(0, Images).Select(_ => random.NextDouble() < 0.8 ? random.Next(Fit) : random.Next(Categories)));
            await RateAsync("all equally", Enumerable.Range(0, Images).Select(_ => random.Next(Categories)));
            await RateAsync("one after the other", Enumerable.Range(0, Images).Select(i => i % Categories));

            async Task RateAsync(string order, IEnumerable<int> categories)
            {
                long before = cache.State.Opened, start = Stopwatch.GetTimestamp();
                int images = 0;
                await Parallel.ForEachAsync(categories.Select((c, i) => (Category: c, Photo: i % photos.Count)),
                    new ParallelOptions { MaxDegreeOfParallelism = 4 }, async (image, stop) =>
                    {
                        var score = await silos.Scoring.ScoreAsync(Name(image.Category), photos[image.Photo], stop);
                        SameBits.Assert(expected[image.Category, image.Photo], score);
                        var state = cache.State;
                        Assert.True(state.Bytes <= budget, $"{state.Bytes} bytes are in use, of {budget}");
                        Interlocked.Increment(ref images);
                    });
                double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
                output.WriteLine($"{order}: {images} images, 0 wrong, {images / seconds:0.0}/s, {cache.State.Opened - before} shards "
                    + "opened");
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static string Name(int category) => $"part-{category}";
}
