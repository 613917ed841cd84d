using SpadeCluster.Features;

namespace SpadeCluster.Galleries;

/// <summary>
/// Stores galleries. Image features and manifests are immutable; publishing changes the current version in one step. When a writing call
/// returns, its data survives a crash. All data that is read is checked: damage is an error that names the damaged piece.
/// </summary>
/// <remarks>Every read may throw <see cref="SpadeException"/>: DataLoss (damaged or missing), FailedPrecondition (written in a
/// later format or for another model), Unavailable (cannot be read now).</remarks>
public interface IGalleryStore
{
    /// <summary>The names of all categories but the deleted ones, ascending.</summary>
    ValueTask<IReadOnlyList<string>> ListCategoriesAsync(CancellationToken cancellationToken = default);

    /// <summary>The current versions of the deleted categories, by name, also of those whose data has been removed: a name's version
    /// numbers never begin again, so that a number never means two galleries.</summary>
    ValueTask<IReadOnlyList<GalleryManifest>> ListDeletedAsync(CancellationToken cancellationToken = default);

    /// <summary>The current version's number, also of a deleted category; null: there never was one. Cheap enough to be read before
    /// every image.</summary>
    ValueTask<int?> ReadCurrentVersionAsync(string category, CancellationToken cancellationToken = default);

    /// <summary>The current version, which may say that the category is deleted; null: there never was one.</summary>
    ValueTask<GalleryManifest?> ReadCurrentAsync(string category, CancellationToken cancellationToken = default);

    /// <summary>The versions kept, ascending; the last one is current. Empty if the category does not exist.</summary>
    ValueTask<IReadOnlyList<int>> ListVersionsAsync(string category, CancellationToken cancellationToken = default);

    /// <exception cref="SpadeException">NotFound: no such version.</exception>
    ValueTask<GalleryManifest> ReadVersionAsync(string category, int version, CancellationToken cancellationToken = default);

    /// <summary>As <see cref="ReadVersionAsync"/>, but checks every stored byte, also of a version that was read before.</summary>
    ValueTask<GalleryManifest> CheckVersionAsync(string category, int version, CancellationToken cancellationToken = default)
        => ReadVersionAsync(category, version, cancellationToken);

    /// <summary>Protects a version and all its images from compaction until disposed (or until the process ends).</summary>
    /// <exception cref="SpadeException">NotFound: no such version.</exception>
    ValueTask<IDisposable> PinAsync(string category, int version, CancellationToken cancellationToken = default);

    /// <summary>Takes the category's writer lock; dispose to release it. It also ends when the process ends or is killed.</summary>
    /// <exception cref="SpadeException">FailedPrecondition: another writer holds it.</exception>
    ValueTask<IDisposable> LockAsync(string category, CancellationToken cancellationToken = default);

    /// <summary>Stores one image's features; does nothing if the id is stored already and undamaged. The caller holds the lock.</summary>
    /// <param name="thumbnail">Its thumbnail, or null.</param>
    /// <exception cref="SpadeException">ResourceExhausted: the disk is full. Unavailable: cannot be written.</exception>
    ValueTask WriteImageAsync(string category, ImageId id, string modelDigest, StoredFeatures features, FeaturePyramid pyramid,
        byte[]? thumbnail = null, CancellationToken cancellationToken = default);

    /// <summary>Stores images of one category under another name, and checks every byte. The caller holds the lock of
    /// <paramref name="to"/>.</summary>
    ValueTask CopyImagesAsync(string from, string to, IEnumerable<(ImageId Id, FeatureModel Model)> images,
        CancellationToken cancellationToken = default);

    /// <summary>Makes <paramref name="next"/> the current version. The caller holds the lock.</summary>
    /// <exception cref="SpadeException">FailedPrecondition: its version is not the current one plus 1. DataLoss: it names an
    /// image that is not stored. ResourceExhausted and Unavailable as in <see cref="WriteImageAsync"/>. The current version
    /// is then unchanged.</exception>
    ValueTask PublishAsync(GalleryManifest next, CancellationToken cancellationToken = default);

    /// <summary>Publishes versions in one step; the last one becomes current. The caller holds the lock.</summary>
    /// <param name="after">The version that must be current now; null: the category must not exist.</param>
    /// <exception cref="SpadeException">As for one version.</exception>
    ValueTask PublishAsync(string category, int? after, IReadOnlyList<GalleryManifest> next, CancellationToken cancellationToken = default);

    /// <summary>Reads only the pooled features, in the order of <paramref name="ids"/>, which is enough to open a gallery.</summary>
    ValueTask<float[][]> ReadPooledAsync(string category, IReadOnlyList<ImageId> ids, FeatureModel model,
        CancellationToken cancellationToken = default);

    ValueTask<StoredFeatures> ReadFeaturesAsync(string category, ImageId id, FeatureModel model,
        CancellationToken cancellationToken = default);

    ValueTask<FeaturePyramid> ReadPyramidAsync(string category, ImageId id, FeatureModel model,
        CancellationToken cancellationToken = default);

    /// <summary>The same, but reuses memory: dropped pages that the garbage collector has not freed would take the budget a second
    /// time.</summary>
    /// <param name="discarded">A pyramid from this store that is no longer used and may be overwritten; or null.</param>
    ValueTask<FeaturePyramid> ReadPyramidAsync(string category, ImageId id, FeatureModel model, FeaturePyramid? discarded,
        CancellationToken cancellationToken)
        => ReadPyramidAsync(category, id, model, cancellationToken);

    /// <summary>The thumbnail of an image, or null.</summary>
    ValueTask<byte[]?> ReadThumbnailAsync(string category, ImageId id, FeatureModel model, CancellationToken cancellationToken = default);

    /// <summary>Checks the redundant copies of features that make opening faster; they have no effect on results.</summary>
    /// <exception cref="SpadeException">DataLoss: damaged.</exception>
    ValueTask CheckCopiesAsync(string category, CancellationToken cancellationToken = default) => ValueTask.CompletedTask;

    /// <summary>Deletes versions, then every image that no remaining version names. Pinned versions stay. The caller holds
    /// the lock.</summary>
    /// <exception cref="SpadeException">DataLoss: a remaining version cannot be read, so the images it needs are unknown; nothing is
    /// deleted.</exception>
    ValueTask<CompactionReport> CompactAsync(string category, IReadOnlyList<int> drop, CancellationToken cancellationToken = default);

    /// <summary>The largest number of bytes one image of this model takes, for predicting the size of a gallery.</summary>
    long BytesPerImage(FeatureModel model);

    /// <summary>Bytes that can still be written, or null if unknown.</summary>
    long? FreeBytes { get; }
}

