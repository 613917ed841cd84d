using System.Diagnostics;
using SpadeCluster.Features;
using SpadeCluster.Galleries;

namespace SpadeCluster.Scoring;

/// <summary>
/// Scoring in this process. A category's gallery is opened by its first image, and again when the version to score with has
/// changed. Safe for concurrent calls.
/// </summary>
/// <param name="store">The galleries.</param>
/// <param name="engines">The models.</param>
/// <param name="options">Replaces the settings of the galleries' calibrations; where they differ, there is no verdict.</param>
/// <param name="threads">Threads one search may use; 0: its share of the processors (all of them while nothing else runs).</param>
/// <param name="memory">Upper limit of the memory of an open gallery, in bytes.</param>
public sealed class ScoringService(IGalleryStore store, IFeatureEngines engines, ScoringOptions? options = null, int threads = 0,
    long memory = GalleryShard.DefaultMemory) : IScoringService, IDisposable
{
    /// <summary>Photographs with more pixels are decoded when the model is open, because both take memory at their beginning.</summary>
    private const long LargePixels = 20_000_000;

    private readonly Dictionary<string, SharedGallery> _open = new(StringComparer.Ordinal);
    private readonly ScoringVersions _scoringVersions = new(store);

    public async ValueTask<ScoredImage> ScoreAsync(string category, ImageSource source, CancellationToken cancellationToken = default)
    {
        var shared = await RentAsync(category, cancellationToken);
        try
        {
            return await ScoreAsync(shared.Opening.Result, source, cancellationToken);
        }
        finally
        {
            shared.Release();
        }
    }

    private async ValueTask<ScoredImage> ScoreAsync(OpenGallery gallery, ImageSource source, CancellationToken cancellationToken)
    {
        var manifest = gallery.Manifest;
        var file = await source.ReadAsync(cancellationToken);
        // The first image is decoded while LoadAsync opens the model.
        var preparer = engines.PreparerFor(manifest.Model, manifest.Preprocessing);
        if (preparer.PixelsOf(file) > LargePixels) engines.For(manifest.Model, manifest.Preprocessing);
        long start = Stopwatch.GetTimestamp();
        // Decoding uses one processor, so another can hash the file.
        var id = Task.Run(() => ImageId.Of(file), cancellationToken);
        var prepared = preparer.Prepare(file, source.Name);
        double prepare = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        var extractor = engines.For(manifest.Model, manifest.Preprocessing).Extractor;

        start = Stopwatch.GetTimestamp();
        var tiles = await TileFeatures.ExtractAsync(extractor, prepared, cancellationToken);
        var query = new QueryImage(await id, tiles, prepared.Frame);
        double extract = Stopwatch.GetElapsedTime(start).TotalMilliseconds;

        var settings = Settings(manifest);
        var calibration = manifest.Calibration is { } c && c.Options.ScoresLike(settings) ? c : null;
        var result = await gallery.Coordinator.ScoreAsync(query, settings, calibration, cancellationToken: cancellationToken);
        return new ScoredImage(source.Name, query.Id, prepared, manifest,
            result with { Times = result.Times with { Prepare = prepare, Extract = extract } });
    }

    /// <summary>Closes the galleries; images that are being scored still finish.</summary>
    public void Dispose()
    {
        lock (_open)
        {
            foreach (var gallery in _open.Values) gallery.Release();
            _open.Clear();
        }
    }

    /// <summary>The gallery to score with, for the caller to release.</summary>
    private async ValueTask<SharedGallery> RentAsync(string category, CancellationToken cancellationToken)
    {
        int version = await ChooseAsync(CategoryName.Check(category), cancellationToken);
        while (true)
        {
            var gallery = Rent(category, version);
            try
            {
                // A caller that gives up does not stop the opening, because others may wait for it too.
                await gallery.Opening.WaitAsync(cancellationToken);
                return gallery;
            }
            catch (Exception e)
            {
                Drop(category, gallery);
                gallery.Release();
                if (e is not SpadeException { Error: SpadeError.NotFound }) throw;
                // The version was compacted away between choosing and pinning it, so there is a newer one.
                _scoringVersions.Forget(category);
                int newer = await ChooseAsync(category, cancellationToken);
                if (newer == version) throw;
                version = newer;
            }
        }
    }

    private SharedGallery Rent(string category, int version)
    {
        lock (_open)
        {
            if (_open.TryGetValue(category, out var known))
            {
                if (known.Version >= version) return known.Use();
                known.Release();
            }
            return (_open[category] = new SharedGallery(version, () => LoadAsync(category, version))).Use();
        }
    }

    /// <summary>Removes a gallery that could not be opened, so that the next image tries again.</summary>
    private void Drop(string category, SharedGallery gallery)
    {
        lock (_open)
            if (gallery.Opening.IsFaulted && _open.GetValueOrDefault(category) == gallery && _open.Remove(category)) gallery.Release();
    }

    private async Task<OpenGallery> LoadAsync(string category, int version)
    {
        var manifest = await store.ReadVersionAsync(category, version);
        // Opens the model while the gallery is opened. If that fails, the image opens it again and reports the error.
        _ = Task.Run(() => engines.For(manifest.Model, manifest.Preprocessing));
        var gallery = await OpenGallery.LoadAsync(store, manifest, threads: threads, memory: memory);
        // Prepares the search while the image is decoded and its features are computed. If that fails, the search reports the error.
        if (Settings(manifest).GatePolicy == GatePolicy.Always) _ = gallery.Coordinator.OpenAsync(manifest.Calibration);
        return gallery;
    }

    private ScoringOptions Settings(GalleryManifest manifest)
        => options ?? manifest.Calibration?.Options ?? ScoringOptions.DefaultFor(manifest.Images.Count);

    /// <summary>The version to score with.</summary>
    private async ValueTask<int> ChooseAsync(string category, CancellationToken cancellationToken)
    {
        int current = await store.ReadCurrentVersionAsync(category, cancellationToken) ?? throw NoCategory(category);
        return await _scoringVersions.ChooseAsync(category, current, cancellationToken);
    }

    private static SpadeException NoCategory(string category) =>
        new(SpadeError.NotFound, $"no category '{category}'; 'spade gallery list' shows what there is");

    /// <summary>An open gallery, closed when its last user and this service have released it.</summary>
    private sealed class SharedGallery(int version, Func<Task<OpenGallery>> open)
    {
        private int _users = 1;
        public int Version => version;
        public Task<OpenGallery> Opening { get; } = Task.Run(open);

        public SharedGallery Use()
        {
            Interlocked.Increment(ref _users);
            return this;
        }

        public void Release()
        {
            if (Interlocked.Decrement(ref _users) > 0) return;
            Opening.ContinueWith(opened => opened.Result.Dispose(), CancellationToken.None,
                TaskContinuationOptions.OnlyOnRanToCompletion | TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        }
    }
}
