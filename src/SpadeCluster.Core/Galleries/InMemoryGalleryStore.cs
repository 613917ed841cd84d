using System.Collections.Concurrent;
using SpadeCluster.Features;

namespace SpadeCluster.Galleries;

/// <summary>A gallery store that forgets at exit: evaluations and tests.</summary>
public sealed class InMemoryGalleryStore : IGalleryStore
{
    private readonly ConcurrentDictionary<string, GalleryManifest> _current = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<(string, ImageId, string), (StoredFeatures Features, FeaturePyramid Pyramid)> _images = new();
    private readonly ConcurrentDictionary<string, Lock> _locks = new(StringComparer.Ordinal);

    public long? FreeBytes => null;

    public ValueTask<IReadOnlyList<string>> ListCategoriesAsync(CancellationToken cancellationToken = default)
        => ValueTask.FromResult<IReadOnlyList<string>>([.. _current.Keys.Order(StringComparer.Ordinal)]);

    public ValueTask<int?> ReadCurrentVersionAsync(string category, CancellationToken cancellationToken = default)
        => ValueTask.FromResult(_current.GetValueOrDefault(category)?.Version);

    public ValueTask<GalleryManifest?> ReadCurrentAsync(string category, CancellationToken cancellationToken = default)
        => ValueTask.FromResult(_current.GetValueOrDefault(category));

    public ValueTask<IDisposable> LockAsync(string category, CancellationToken cancellationToken = default)
    {
        var mine = new Lock(this, category);
        return _locks.TryAdd(category, mine) ? ValueTask.FromResult<IDisposable>(mine)
            : throw new SpadeException(SpadeError.FailedPrecondition, $"category '{category}' is being changed by another writer; try again when it is done");
    }

    public ValueTask WriteImageAsync(string category, ImageId id, string modelDigest, StoredFeatures features, FeaturePyramid pyramid, CancellationToken cancellationToken = default)
    {
        _images.TryAdd((category, id, modelDigest), (features, pyramid));
        return ValueTask.CompletedTask;
    }

    public ValueTask PublishAsync(GalleryManifest next, CancellationToken cancellationToken = default)
    {
        _current[next.Category] = next;
        return ValueTask.CompletedTask;
    }

    public ValueTask<StoredFeatures> ReadFeaturesAsync(string category, ImageId id, FeatureModel model, CancellationToken cancellationToken = default)
        => ValueTask.FromResult(Find(category, id, model).Features);

    public ValueTask<FeaturePyramid> ReadPyramidAsync(string category, ImageId id, FeatureModel model, CancellationToken cancellationToken = default)
        => ValueTask.FromResult(Find(category, id, model).Pyramid);

    public long BytesPerImage(FeatureModel model) => 4L * model.PooledLength + model.Levels.Sum(s => 2L * s.Length + 16L * s.Channels);

    private (StoredFeatures Features, FeaturePyramid Pyramid) Find(string category, ImageId id, FeatureModel model)
        => _images.TryGetValue((category, id, model.Digest), out var image) ? image
            : throw new SpadeException(SpadeError.NotFound, $"category '{category}' holds no image {id}");

    private sealed class Lock(InMemoryGalleryStore store, string category) : IDisposable
    {
        public void Dispose() => store._locks.TryRemove(new KeyValuePair<string, Lock>(category, this));
    }
}
