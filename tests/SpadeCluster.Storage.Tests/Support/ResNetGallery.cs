using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Scoring;
using SpadeCluster.Storage.Files;

namespace SpadeCluster.Storage.Tests.Support;

/// <summary>A gallery of ResNet-50's shape whose features are drawn from a few random blocks, so that building it takes a
/// disk's time, not a network's.</summary>
internal static class ResNetGallery
{
    public static readonly FeatureModel Model =
        new("synthetic ResNet", new string('c', 64), 224, 224, [new(56, 56, 256), new(28, 28, 512), new(14, 14, 1024)], 2048,
            WeightChannels: false);

    public static async Task<GalleryManifest> BuildAsync(FileGalleryStore store, int count)
    {
        var random = new Random(1);
        var block = new Half[Model.Levels[0].Length + 65536];
        for (int i = 0; i < block.Length; i++) block[i] = (Half)random.NextDouble();
        var thumbnail = new byte[12_000];
        var images = new List<GalleryImage>();
        using var writer = await store.LockAsync("c");
        for (int n = 0; n < count; n++)
        {
            var id = new ImageId((ulong)random.NextInt64());
            var pyramid = new FeaturePyramid(Model.Levels,
                [.. Model.Levels.Select(s => block.AsSpan(random.Next(65536), s.Length).ToArray())]);
            var pooled = new float[Model.PooledLength];
            for (int i = 0; i < pooled.Length; i++) pooled[i] = random.NextSingle();
            ChannelMoments[] moments = [.. Model.Levels.Select(s => new ChannelMoments(new double[s.Channels], new double[s.Channels]))];
            await store.WriteImageAsync("c", id, Model.Digest, new StoredFeatures(pooled, moments), pyramid, thumbnail);
            images.Add(new GalleryImage(id, new string('0', 64), $"{n}.png", DateTimeOffset.UnixEpoch, "test"));
        }
        var manifest = new GalleryManifest
        {
            Category = "c",
            Version = 1,
            CreatedAt = DateTimeOffset.UnixEpoch,
            CreatedBy = "test",
            Reason = "large",
            Model = Model,
            Preprocessing = "synthetic",
            Images = [.. images.OrderBy(i => i.Id)],
        };
        await store.PublishAsync(manifest);
        return manifest;
    }

    /// <summary>Scores some of the normals themselves, one after the other.</summary>
    public static async Task ScoreAsync(IGalleryStore store, OpenGallery gallery, ScoringOptions options, int images)
    {
        var random = new Random(9);
        for (int i = 0; i < images; i++)
        {
            var id = gallery.Manifest.Images[random.Next(gallery.Manifest.Images.Count)].Id;
            var query = new QueryImage(id, (await store.ReadFeaturesAsync("c", id, Model)).Pooled, ct =>
                store.ReadPyramidAsync("c", id, Model, ct));
            var result = await gallery.Coordinator.ScoreAsync(query, options, null);
            if (result.Map!.Values.Min() != 0) throw new InvalidOperationException($"image {id} is not found in its own gallery");
        }
    }
}
