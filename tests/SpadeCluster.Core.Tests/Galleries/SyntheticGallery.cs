using SpadeCluster.Features;
using SpadeCluster.Galleries;

namespace SpadeCluster.Core.Tests.Galleries;

/// <summary>Seeded features of a tiny model, as if they came from exchangeable photographs.</summary>
internal static class SyntheticGallery
{
    public static FeatureModel Model { get; } =
        new("synthetic", new string('a', 64), 16, 16, [new(4, 4, 3), new(2, 2, 5)], 6, WeightChannels: false);

    public static (ImageId Id, ImageFeatures Features) Image(Random random, FeatureModel? model = null)
    {
        var features = new ImageFeatures(model ?? Model);
        foreach (var values in features.Levels.Append(features.Pooled))
            for (int i = 0; i < values.Length; i++) values[i] = (float)(random.NextDouble() + random.NextDouble() + 0.5 * (i % 3));
        return (new ImageId((ulong)random.NextInt64()), features);
    }

    public static async Task<(InMemoryGalleryStore Store, GalleryManifest Manifest)> BuildAsync(Random random, int images,
        FeatureModel? model = null)
    {
        model ??= Model;
        var store = new InMemoryGalleryStore();
        var entries = new List<GalleryImage>();
        var all = new List<(ImageId Id, StoredFeatures Features)>();
        for (int i = 0; i < images; i++)
        {
            var (id, features) = Image(random, model);
            var pyramid = FeaturePyramid.From(features);
            var stored = StoredFeatures.From([.. features.Pooled], pyramid);
            await store.WriteImageAsync("c", id, model.Digest, stored, pyramid);
            entries.Add(new GalleryImage(id, id.ToString(), $"{i}.png", DateTimeOffset.UnixEpoch, "test"));
            all.Add((id, stored));
        }
        entries.Sort((a, b) => a.Id.CompareTo(b.Id));
        var manifest = new GalleryManifest
        {
            Category = "c",
            Version = 1,
            CreatedAt = DateTimeOffset.UnixEpoch,
            CreatedBy = "test",
            Reason = "test",
            Model = model,
            Preprocessing = "none",
            Images = entries,
            Weights = model.WeightChannels ? FeatureWeights.From(model, [.. all.OrderBy(x => x.Id).Select(x => x.Features)]) : null,
        };
        await store.PublishAsync(manifest);
        return (store, manifest);
    }
}
