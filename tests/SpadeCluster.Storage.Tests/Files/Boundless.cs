using SpadeCluster.Features;
using SpadeCluster.Galleries;

namespace SpadeCluster.Storage.Tests.Files;

/// <summary>A store that does not know its free space, so that no write is refused beforehand.</summary>
internal sealed class Boundless(IGalleryStore store) : IGalleryStore
{
    public long? FreeBytes => null;
    public long BytesPerImage(FeatureModel model) => store.BytesPerImage(model);
    public ValueTask<IReadOnlyList<string>> ListCategoriesAsync(CancellationToken c = default) => store.ListCategoriesAsync(c);
    public ValueTask<IReadOnlyList<GalleryManifest>> ListDeletedAsync(CancellationToken c = default) => store.ListDeletedAsync(c);
    public ValueTask<int?> ReadCurrentVersionAsync(string category, CancellationToken c = default) =>
        store.ReadCurrentVersionAsync(category, c);
    public ValueTask<GalleryManifest?> ReadCurrentAsync(string category, CancellationToken c = default) =>
        store.ReadCurrentAsync(category, c);
    public ValueTask<IReadOnlyList<int>> ListVersionsAsync(string category, CancellationToken c = default) =>
        store.ListVersionsAsync(category, c);
    public ValueTask<GalleryManifest> ReadVersionAsync(string category, int version, CancellationToken c = default) =>
        store.ReadVersionAsync(category, version, c);
    public ValueTask<IDisposable> PinAsync(string category, int version, CancellationToken c = default) =>
        store.PinAsync(category, version, c);
    public ValueTask<IDisposable> LockAsync(string category, CancellationToken c = default) => store.LockAsync(category, c);
    public ValueTask WriteImageAsync(string category, ImageId id, string digest, StoredFeatures features, FeaturePyramid pyramid,
        byte[]? thumbnail = null, CancellationToken c = default) =>
            store.WriteImageAsync(category, id, digest, features, pyramid, thumbnail, c);
    public ValueTask PublishAsync(GalleryManifest next, CancellationToken c = default) => store.PublishAsync(next, c);
    public ValueTask PublishAsync(string category, int? after, IReadOnlyList<GalleryManifest> next, CancellationToken c = default) =>
        store.PublishAsync(category, after, next, c);
    public ValueTask CopyImagesAsync(string from, string to, IEnumerable<(ImageId Id, FeatureModel Model)> images,
        CancellationToken c = default) => store.CopyImagesAsync(from, to, images, c);
    public ValueTask<float[][]> ReadPooledAsync(string category, IReadOnlyList<ImageId> ids, FeatureModel model,
        CancellationToken c = default) => store.ReadPooledAsync(category, ids, model, c);
    public ValueTask<StoredFeatures> ReadFeaturesAsync(string category, ImageId id, FeatureModel model, CancellationToken c = default) =>
        store.ReadFeaturesAsync(category, id, model, c);
    public ValueTask<FeaturePyramid> ReadPyramidAsync(string category, ImageId id, FeatureModel model, CancellationToken c = default) =>
        store.ReadPyramidAsync(category, id, model, c);
    public ValueTask<FeaturePyramid> ReadPyramidAsync(string category, ImageId id, FeatureModel model, FeaturePyramid? discarded,
        CancellationToken c) => store.ReadPyramidAsync(category, id, model, discarded, c);
    public ValueTask<byte[]?> ReadThumbnailAsync(string category, ImageId id, FeatureModel model, CancellationToken c = default) =>
        store.ReadThumbnailAsync(category, id, model, c);
    public ValueTask<CompactionReport> CompactAsync(string category, IReadOnlyList<int> drop, CancellationToken c = default) =>
        store.CompactAsync(category, drop, c);
}
