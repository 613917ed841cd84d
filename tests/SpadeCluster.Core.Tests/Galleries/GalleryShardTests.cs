using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Neighbors;

namespace SpadeCluster.Core.Tests.Galleries;

public sealed class GalleryShardTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task A_shard_short_of_memory_finds_the_same_bits(int kappa)
    {
        var random = new Random(7);
        var (store, manifest) = await SyntheticGallery.BuildAsync(random, 9);
        long image = manifest.Model.Levels.Sum(s => 2L * s.Length);
        var ids = manifest.Images.Select(i => i.Id).ToArray();
        GalleryPick[] picks = [.. ids.Select((id, i) => new GalleryPick(i, id))];
        var query = FeaturePyramid.From(SyntheticGallery.Image(random).Features);
        var options = new PixelSearchOptions(Kappa: kappa, Threads: 1);

        var whole = await (await GalleryShard.LoadAsync(store, manifest, ids)).MatchAsync(query, picks, options);
        foreach (long memory in new[] { 0, 2 * image, 5 * image }.Select(more =>
            GalleryShard.LeastMemory(manifest.Model, ids.Length) + more))
        {
            var shard = await GalleryShard.LoadAsync(store, manifest, ids, memory);
            for (int again = 0; again < 2; again++)
            {
                var paged = await shard.MatchAsync(query, picks, options);
                Assert.Equal(whole[0].Distances, paged[0].Distances);
                Assert.Equal(whole[0].Images, paged[0].Images);
                Assert.Equal(whole[0].Cells, paged[0].Cells);
            }
        }
    }

    [Fact]
    public async Task Too_little_memory_is_said_at_once()
    {
        var (store, manifest) = await SyntheticGallery.BuildAsync(new Random(1), 2);
        var e = await Assert.ThrowsAsync<SpadeException>(async () =>
            await GalleryShard.LoadAsync(store, manifest, manifest.Images.Select(i => i.Id), 100));
        Assert.Contains("allow more", e.Message);
    }

    [Fact]
    public async Task A_disposed_shard_answers_with_an_error_not_with_nothing()
    {
        var (store, manifest) = await SyntheticGallery.BuildAsync(new Random(1), 2);
        var shard = await GalleryShard.LoadAsync(store, manifest, manifest.Images.Select(i => i.Id));
        var pooled = new float[manifest.Model.PooledLength];
        Assert.Equal(2, (await shard.NearestAsync(pooled, 2, null)).Count);
        shard.Dispose();
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await shard.NearestAsync(pooled, 2, null));
    }

    [Fact]
    public async Task With_a_search_on_each_processor_the_next_one_waits()
    {
        var random = new Random(3);
        var (store, manifest) = await SyntheticGallery.BuildAsync(random, 4);
        using var shard = await GalleryShard.LoadAsync(store, manifest, manifest.Images.Select(i => i.Id));
        GalleryPick[] picks = [.. manifest.Images.Select((image, i) => new GalleryPick(i, image.Id))];
        var query = FeaturePyramid.From(SyntheticGallery.Image(random).Features);
        var options = new PixelSearchOptions(Threads: 1);
        // Its pages are in memory then, so that a search begins as soon as it may.
        var found = await shard.MatchAsync(query, picks, options);
        for (int i = 0; i < Environment.ProcessorCount; i++) await GalleryShard.Searches.WaitAsync();
        Task<IReadOnlyList<PixelMatches>> waiting;
        try
        {
            using var impatient = new CancellationTokenSource();
            waiting = shard.MatchAsync(query, picks, options).AsTask();
            var given = shard.MatchAsync(query, picks, options, impatient.Token).AsTask();
            await impatient.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => given);
            Assert.False(waiting.IsCompleted);
        }
        finally
        {
            GalleryShard.Searches.Release(Environment.ProcessorCount);
        }
        Assert.Equal(found[0].Distances, (await waiting)[0].Distances);
    }
}
