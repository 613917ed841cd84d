using System.Collections.Concurrent;
using System.Diagnostics;
using SpadeCluster.Features;
using SpadeCluster.Galleries;

namespace SpadeCluster.Scoring;

/// <summary>Scoring in this process: galleries opened on first use and again when a new version is published.</summary>
/// <param name="store">Where galleries live.</param>
/// <param name="engines">How photographs become features.</param>
/// <param name="options">Overrides the settings galleries were calibrated with; scores without verdicts where they differ.</param>
/// <param name="shards">Shards per gallery: any number gives the same bits.</param>
/// <param name="threads">Threads one search may use; 0 for all processors.</param>
/// <param name="memory">Bytes one open gallery may take.</param>
/// <param name="steady">Whether <see cref="SteadyVersions"/> chooses the version, or it is the current one, calibrated or not.</param>
public sealed class ScoringService(
    IGalleryStore store, IFeatureEngines engines, ScoringOptions? options = null, int shards = 1, int threads = 0, long memory = GalleryShard.DefaultMemory,
    bool steady = false) : IScoringService, IDisposable
{
    private readonly ConcurrentDictionary<string, OpenGallery> _open = new(StringComparer.Ordinal);
    private readonly SteadyVersions? _steady = steady ? new SteadyVersions(store) : null;
    private readonly SemaphoreSlim _opening = new(1);

    public async ValueTask<ScoredImage> ScoreAsync(string category, ImageSource source, CancellationToken cancellationToken = default)
    {
        using var gallery = await OpenAsync(category, cancellationToken);
        var manifest = gallery.Manifest;
        var (extractor, preparer) = engines.For(manifest.Model, manifest.Preprocessing);
        var file = await source.ReadAsync(cancellationToken);
        long start = Stopwatch.GetTimestamp();
        var prepared = preparer.Prepare(file, source.Name);
        double prepare = Stopwatch.GetElapsedTime(start).TotalMilliseconds;

        start = Stopwatch.GetTimestamp();
        var features = new ImageFeatures(extractor.Model);
        await extractor.ExtractAsync([prepared.Input], [features], cancellationToken);
        var query = new QueryImage(ImageId.Of(file), features.Pooled, FeaturePyramid.From(features));
        double extract = Stopwatch.GetElapsedTime(start).TotalMilliseconds;

        var settings = options ?? manifest.Calibration?.Options ?? ScoringOptions.DefaultFor(manifest.Images.Count);
        var calibration = manifest.Calibration is { } c && c.Options.ScoresLike(settings) ? c : null;
        var result = await gallery.Coordinator.ScoreAsync(query, settings, calibration, cancellationToken: cancellationToken);
        return new ScoredImage(source.Name, query.Id, prepared, manifest,
            result with { Times = result.Times with { Prepare = prepare, Extract = extract } });
    }

    /// <summary>Lets go of the galleries; images being scored still finish with theirs.</summary>
    public void Dispose()
    {
        foreach (string category in _open.Keys)
            if (_open.TryRemove(category, out var gallery)) gallery.Dispose();
    }

    /// <summary>The version to score with, shared with the caller, who disposes it.</summary>
    private async ValueTask<OpenGallery> OpenAsync(string category, CancellationToken cancellationToken)
    {
        int version = await ChooseAsync(CategoryName.Check(category), cancellationToken);
        if (_open.TryGetValue(category, out var open) && open.Manifest.Version == version && open.TryShare()) return open;
        // One at a time: opening reads every image's pooled feature, and many callers may ask for the same gallery at once.
        await _opening.WaitAsync(cancellationToken);
        try
        {
            if (_open.TryGetValue(category, out open) && open.Manifest.Version >= version && open.TryShare()) return open;
            var opened = await LoadAsync(category, cancellationToken);
            // The old version stays pinned until the last image being scored with it is done.
            _open.TryRemove(category, out var old);
            old?.Dispose();
            opened.TryShare();
            return _open[category] = opened;
        }
        finally
        {
            _opening.Release();
        }
    }

    private async ValueTask<OpenGallery> LoadAsync(string category, CancellationToken cancellationToken)
    {
        while (true)
        {
            int version = await ChooseAsync(category, cancellationToken);
            try
            {
                var manifest = await store.ReadCurrentAsync(category, cancellationToken) ?? throw NoCategory(category);
                if (_steady is not null && manifest.Version != version) manifest = await store.ReadVersionAsync(category, version, cancellationToken);
                return await OpenGallery.LoadAsync(store, manifest, shards, threads, memory, cancellationToken);
            }
            catch (SpadeException e) when (e.Error == SpadeError.NotFound)
            {
                // Replaced and compacted away between choosing and pinning it; then there is a newer one.
                _steady?.Forget(category);
                if (await ChooseAsync(category, cancellationToken) == version) throw;
            }
        }
    }

    /// <summary>The version to score with.</summary>
    private async ValueTask<int> ChooseAsync(string category, CancellationToken cancellationToken)
    {
        int current = await store.ReadCurrentVersionAsync(category, cancellationToken) ?? throw NoCategory(category);
        return _steady is null ? current : await _steady.ChooseAsync(category, current, cancellationToken);
    }

    private static SpadeException NoCategory(string category) => new(SpadeError.NotFound, $"no category '{category}'; 'spade gallery list' shows what there is");
}
