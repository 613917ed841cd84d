using SpadeCluster.Features;

namespace SpadeCluster.Galleries;

/// <summary>
/// Where galleries live. Image features and manifests are immutable; publishing moves the current version in one step.
/// What a call that returned has written survives a crash. Everything read is checked: damage is an error that names what
/// is damaged, never a value.
/// </summary>
/// <remarks>Every read may throw <see cref="SpadeException"/>: DataLoss (damaged or missing), FailedPrecondition (written by a
/// later format or for another model), Unavailable (cannot be read now).</remarks>
public interface IGalleryStore
{
    ValueTask<IReadOnlyList<string>> ListCategoriesAsync(CancellationToken cancellationToken = default);

    /// <summary>The current version's number, or null where the category does not exist. Cheap: asked before every image.</summary>
    ValueTask<int?> ReadCurrentVersionAsync(string category, CancellationToken cancellationToken = default);

    /// <summary>The current version, or null where the category does not exist.</summary>
    ValueTask<GalleryManifest?> ReadCurrentAsync(string category, CancellationToken cancellationToken = default);

    /// <summary>The versions kept, ascending; the last one is current. Empty where the category does not exist.</summary>
    ValueTask<IReadOnlyList<int>> ListVersionsAsync(string category, CancellationToken cancellationToken = default);

    /// <exception cref="SpadeException">NotFound: no such version.</exception>
    ValueTask<GalleryManifest> ReadVersionAsync(string category, int version, CancellationToken cancellationToken = default);

    /// <summary>Keeps a version, and all its images, from compaction until disposed (or the process ends).</summary>
    /// <exception cref="SpadeException">NotFound: no such version.</exception>
    ValueTask<IDisposable> PinAsync(string category, int version, CancellationToken cancellationToken = default);

    /// <summary>Takes the category's writer lock; dispose to release it. It ends with the process, however that ends.</summary>
    /// <exception cref="SpadeException">FailedPrecondition: another writer holds it.</exception>
    ValueTask<IDisposable> LockAsync(string category, CancellationToken cancellationToken = default);

    /// <summary>Stores one image's features; a no-op where the same id is stored already, whole. Needs the lock.</summary>
    /// <param name="thumbnail">A small picture of it (PNG), or null.</param>
    /// <exception cref="SpadeException">ResourceExhausted: the disk is full. Unavailable: cannot be written.</exception>
    ValueTask WriteImageAsync(string category, ImageId id, string modelDigest, StoredFeatures features, FeaturePyramid pyramid, byte[]? thumbnail = null, CancellationToken cancellationToken = default);

    /// <summary>Makes <paramref name="next"/> current. Needs the lock.</summary>
    /// <exception cref="SpadeException">FailedPrecondition: its version is not the current one plus 1. DataLoss: it names an
    /// image that is not stored. ResourceExhausted and Unavailable as in <see cref="WriteImageAsync"/>; the current version
    /// is then what it was.</exception>
    ValueTask PublishAsync(GalleryManifest next, CancellationToken cancellationToken = default);

    /// <summary>Pooled features alone, in the order of <paramref name="ids"/>: what opening a gallery reads.</summary>
    ValueTask<float[][]> ReadPooledAsync(string category, IReadOnlyList<ImageId> ids, FeatureModel model, CancellationToken cancellationToken = default);

    ValueTask<StoredFeatures> ReadFeaturesAsync(string category, ImageId id, FeatureModel model, CancellationToken cancellationToken = default);

    ValueTask<FeaturePyramid> ReadPyramidAsync(string category, ImageId id, FeatureModel model, CancellationToken cancellationToken = default);

    /// <summary>The same, reusing memory: paging that left its garbage to the collector would hold twice its budget.</summary>
    /// <param name="discarded">A pyramid that this store returned and nobody holds any more, or null; it may be filled again.</param>
    ValueTask<FeaturePyramid> ReadPyramidAsync(string category, ImageId id, FeatureModel model, FeaturePyramid? discarded, CancellationToken cancellationToken)
        => ReadPyramidAsync(category, id, model, cancellationToken);

    /// <summary>The picture stored with an image; null where there is none.</summary>
    ValueTask<byte[]?> ReadThumbnailAsync(string category, ImageId id, FeatureModel model, CancellationToken cancellationToken = default);

    /// <summary>Checks the copies that the store keeps of an image's features to be faster; results never depend on them.</summary>
    /// <exception cref="SpadeException">DataLoss: damaged.</exception>
    ValueTask CheckCopiesAsync(string category, CancellationToken cancellationToken = default) => ValueTask.CompletedTask;

    /// <summary>Drops versions, then every image that no version left names. Needs the lock. Pinned versions stay.</summary>
    /// <exception cref="SpadeException">DataLoss: a version that stays cannot be read, so nobody knows what it needs; nothing
    /// is deleted.</exception>
    ValueTask<CompactionReport> CompactAsync(string category, IReadOnlyList<int> drop, CancellationToken cancellationToken = default);

    /// <summary>Bytes one image of this model takes at most, for predictions.</summary>
    long BytesPerImage(FeatureModel model);

    /// <summary>Bytes that can still be written, or null where that is not known.</summary>
    long? FreeBytes { get; }
}
