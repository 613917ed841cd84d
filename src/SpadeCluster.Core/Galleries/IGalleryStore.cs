using SpadeCluster.Features;

namespace SpadeCluster.Galleries;

/// <summary>
/// Where galleries live. Image features and manifests are immutable; publishing moves the current version in one step.
/// What a call that returned has written survives a crash.
/// </summary>
public interface IGalleryStore
{
    ValueTask<IReadOnlyList<string>> ListCategoriesAsync(CancellationToken cancellationToken = default);

    /// <summary>The current version's number, or null where the category does not exist. Cheap: asked before every image.</summary>
    ValueTask<int?> ReadCurrentVersionAsync(string category, CancellationToken cancellationToken = default);

    /// <summary>The current version, or null where the category does not exist.</summary>
    ValueTask<GalleryManifest?> ReadCurrentAsync(string category, CancellationToken cancellationToken = default);

    /// <summary>Takes the category's writer lock; dispose to release it.</summary>
    /// <exception cref="SpadeException">FailedPrecondition: another writer holds it.</exception>
    ValueTask<IDisposable> LockAsync(string category, CancellationToken cancellationToken = default);

    /// <summary>Stores one image's features; a no-op where the same id is stored already.</summary>
    ValueTask WriteImageAsync(string category, ImageId id, string modelDigest, StoredFeatures features, FeaturePyramid pyramid, CancellationToken cancellationToken = default);

    /// <summary>Makes <paramref name="next"/> current. Its version must be the current one plus 1.</summary>
    ValueTask PublishAsync(GalleryManifest next, CancellationToken cancellationToken = default);

    /// <exception cref="SpadeException">DataLoss: damaged. NotFound: no such image.</exception>
    ValueTask<StoredFeatures> ReadFeaturesAsync(string category, ImageId id, FeatureModel model, CancellationToken cancellationToken = default);

    /// <exception cref="SpadeException">DataLoss: damaged. NotFound: no such image.</exception>
    ValueTask<FeaturePyramid> ReadPyramidAsync(string category, ImageId id, FeatureModel model, CancellationToken cancellationToken = default);

    /// <summary>Bytes one image of this model takes, for predictions.</summary>
    long BytesPerImage(FeatureModel model);

    /// <summary>Bytes that can still be written, or null where that is not known.</summary>
    long? FreeBytes { get; }
}
