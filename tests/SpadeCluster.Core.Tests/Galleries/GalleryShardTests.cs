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
}
