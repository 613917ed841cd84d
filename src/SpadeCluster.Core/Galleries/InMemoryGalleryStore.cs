using System.Collections.Concurrent;
using SpadeCluster.Features;

namespace SpadeCluster.Galleries;

/// <summary>A gallery store in memory, for evaluations and tests.</summary>
public sealed class InMemoryGalleryStore : IGalleryStore
{
    private readonly ConcurrentDictionary<string, Category> _categories = new(StringComparer.Ordinal);

    public long? FreeBytes => null;

    public ValueTask<IReadOnlyList<string>> ListCategoriesAsync(CancellationToken cancellationToken = default)
        => ValueTask.FromResult<IReadOnlyList<string>>([.. _categories.Where(c => c.Value.Current is { Deletion: null }).Select(c => c.Key)
            .Order(StringComparer.Ordinal)]);

    public ValueTask<IReadOnlyList<GalleryManifest>> ListDeletedAsync(CancellationToken cancellationToken = default)
        => ValueTask.FromResult<IReadOnlyList<GalleryManifest>>([.. _categories.Values.Select(c => c.Current).OfType<GalleryManifest>()
            .Where(m => m.Deletion is not null).OrderBy(m => m.Category, StringComparer.Ordinal)]);

    public ValueTask<int?> ReadCurrentVersionAsync(string category, CancellationToken cancellationToken = default)
        => ValueTask.FromResult(Of(category).Current?.Version);

    public ValueTask<GalleryManifest?> ReadCurrentAsync(string category, CancellationToken cancellationToken = default)
        => ValueTask.FromResult(Of(category).Current);

    public ValueTask<IReadOnlyList<int>> ListVersionsAsync(string category, CancellationToken cancellationToken = default)
        => ValueTask.FromResult<IReadOnlyList<int>>([.. Of(category).Versions.Keys.Order()]);

    public ValueTask<GalleryManifest> ReadVersionAsync(string category, int version, CancellationToken cancellationToken = default)
        => Of(category).Versions.TryGetValue(version, out var manifest) ? ValueTask.FromResult(manifest)
            : throw new SpadeException(SpadeError.NotFound, $"category '{category}' has no version {version}");

    public async ValueTask<IDisposable> PinAsync(string category, int version, CancellationToken cancellationToken = default)
    {
        var pins = Of(category).Pins;
        lock (pins) pins.Add(version);
        var pin = new Release(() => { lock (pins) pins.Remove(version); });
        try
        {
            await ReadVersionAsync(category, version, cancellationToken);
            return pin;
        }
        catch
        {
            pin.Dispose();
            throw;
        }
    }

    public ValueTask<IDisposable> LockAsync(string category, CancellationToken cancellationToken = default)
    {
        var writer = Of(category).Writer;
        return writer.Wait(0, cancellationToken) ? ValueTask.FromResult<IDisposable>(new Release(() => writer.Release()))
            : throw new SpadeException(SpadeError.FailedPrecondition,
                $"category '{category}' is being changed by another writer; try again when it is done");
    }

    public ValueTask WriteImageAsync(string category, ImageId id, string modelDigest, StoredFeatures features, FeaturePyramid pyramid,
        byte[]? thumbnail = null, CancellationToken cancellationToken = default)
    {
        Of(category).Images.TryAdd(id, new Image(modelDigest, features, pyramid, thumbnail));
        return ValueTask.CompletedTask;
    }

    public ValueTask CopyImagesAsync(string from, string to, IEnumerable<(ImageId Id, FeatureModel Model)> images,
        CancellationToken cancellationToken = default)
    {
        foreach (var (id, model) in images) Of(to).Images[id] = Find(from, id, model);
        return ValueTask.CompletedTask;
    }

    public ValueTask PublishAsync(GalleryManifest next, CancellationToken cancellationToken = default)
        => PublishAsync(next.Category, next.Version == 1 ? null : next.Version - 1, [next], cancellationToken);

    public ValueTask PublishAsync(string category, int? after, IReadOnlyList<GalleryManifest> next,
        CancellationToken cancellationToken = default)
    {
        var stored = Of(category);
        if (stored.Current?.Version != after)
            throw new SpadeException(SpadeError.FailedPrecondition, $"category '{category}' has been changed by another writer; try again");
        foreach (var version in next) stored.Versions[version.Version] = version;
        stored.Current = next[^1];
        return ValueTask.CompletedTask;
    }

    public ValueTask<float[][]> ReadPooledAsync(string category, IReadOnlyList<ImageId> ids, FeatureModel model,
        CancellationToken cancellationToken = default)
        => ValueTask.FromResult<float[][]>([.. ids.Select(id => Find(category, id, model).Features.Pooled)]);

    public ValueTask<StoredFeatures> ReadFeaturesAsync(string category, ImageId id, FeatureModel model,
        CancellationToken cancellationToken = default)
        => ValueTask.FromResult(Find(category, id, model).Features);

    public ValueTask<FeaturePyramid> ReadPyramidAsync(string category, ImageId id, FeatureModel model,
        CancellationToken cancellationToken = default)
        => ValueTask.FromResult(Find(category, id, model).Pyramid);

    public ValueTask<byte[]?> ReadThumbnailAsync(string category, ImageId id, FeatureModel model,
        CancellationToken cancellationToken = default)
        => ValueTask.FromResult(Find(category, id, model).Thumbnail);

    public ValueTask<CompactionReport> CompactAsync(string category, IReadOnlyList<int> drop, CancellationToken cancellationToken = default)
    {
        var c = Of(category);
        List<int> dropped = [], inUse = [];
        foreach (int version in drop)
        {
            lock (c.Pins)
            {
                bool stays = c.Pins.Contains(version) || version == c.Current?.Version;
                if (!stays) c.Versions.Remove(version, out _);
                (stays ? inUse : dropped).Add(version);
            }
        }
        var needed = c.Versions.Values.SelectMany(m => GalleryTiles.Of(m).Ids).ToHashSet();
        var model = c.Current?.Model;
        int images = c.Images.Keys.Count(id => !needed.Contains(id) && c.Images.TryRemove(id, out _));
        return ValueTask.FromResult(new CompactionReport(dropped, inUse, images, model is null ? 0 : images * BytesPerImage(model)));
    }

    public long BytesPerImage(FeatureModel model) => 4L * model.PooledLength + model.Levels.Sum(s => 2L * s.Length + 16L * s.Channels);

    private Category Of(string category) => _categories.GetOrAdd(category, _ => new Category());

    private Image Find(string category, ImageId id, FeatureModel model)
        => Of(category).Images.TryGetValue(id, out var image) && image.ModelDigest == model.Digest ? image
            : throw new SpadeException(SpadeError.NotFound, $"category '{category}' holds no image {id} of model '{model.Name}'");

    private sealed record Image(string ModelDigest, StoredFeatures Features, FeaturePyramid Pyramid, byte[]? Thumbnail);

    private sealed class Category
    {
        public volatile GalleryManifest? Current;
        public ConcurrentDictionary<int, GalleryManifest> Versions { get; } = new();
        public ConcurrentDictionary<ImageId, Image> Images { get; } = new();
        public SemaphoreSlim Writer { get; } = new(1);

        /// <summary>The pinned versions, one entry per pin; guarded by a lock on itself.</summary>
        public List<int> Pins { get; } = [];
    }

    private sealed class Release(Action action) : IDisposable
    {
        private Action? _action = action;

        public void Dispose() => Interlocked.Exchange(ref _action, null)?.Invoke();
    }
}
