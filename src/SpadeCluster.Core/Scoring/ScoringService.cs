using System.Diagnostics;
using SpadeCluster.Features;
using SpadeCluster.Galleries;

namespace SpadeCluster.Scoring;

/// <summary>Scoring in this process: galleries opened on first use and again when a new version is published.</summary>
/// <param name="store">Where galleries live.</param>
/// <param name="engines">How photographs become features.</param>
/// <param name="options">Overrides the settings galleries were calibrated with; scores without verdicts where they differ.</param>
/// <param name="threads">Threads one search may use; 0 for all processors.</param>
/// <param name="galleries">Those that are open, and the memory they may take; closed with this service. Null: its own.</param>
public sealed class ScoringService(
    IGalleryStore store, IFeatureEngines engines, ScoringOptions? options = null, int threads = 0, OpenGalleries? galleries = null)
        : IScoringService, IDisposable
{
    private readonly OpenGalleries _galleries = galleries ?? new OpenGalleries(store, threads: threads);
    private readonly ScoringVersions _scoringVersions = new(store);

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
        var tiles = await TileFeatures.ExtractAsync(extractor, prepared, cancellationToken);
        var query = new QueryImage(ImageId.Of(file), tiles, prepared.Frame);
        double extract = Stopwatch.GetElapsedTime(start).TotalMilliseconds;

        var settings = options ?? manifest.Calibration?.Options ?? ScoringOptions.DefaultFor(manifest.Images.Count);
        var calibration = manifest.Calibration is { } c && c.Options.ScoresLike(settings) ? c : null;
        var result = await gallery.Coordinator.ScoreAsync(query, settings, calibration, cancellationToken: cancellationToken);
        return new ScoredImage(source.Name, query.Id, prepared, manifest,
            result with { Times = result.Times with { Prepare = prepare, Extract = extract } });
    }

    /// <summary>Lets go of the galleries; images being scored still finish with theirs.</summary>
    public void Dispose() => _galleries.Dispose();

    /// <summary>The version to score with, for the caller to dispose.</summary>
    private async ValueTask<OpenGallery> OpenAsync(string category, CancellationToken cancellationToken)
    {
        int version = await ChooseAsync(CategoryName.Check(category), cancellationToken);
        while (true)
        {
            if (_galleries.TryRent(category, version) is { } open) return open;
            try
            {
                var manifest = await store.ReadCurrentAsync(category, cancellationToken) ?? throw NoCategory(category);
                if (manifest.Version != version) manifest = await store.ReadVersionAsync(category, version, cancellationToken);
                return await _galleries.RentAsync(manifest, cancellationToken);
            }
            catch (SpadeException e) when (e.Error == SpadeError.NotFound)
            {
                // Replaced and compacted away between choosing and pinning it; then there is a newer one.
                _scoringVersions.Forget(category);
                int newer = await ChooseAsync(category, cancellationToken);
                if (newer == version) throw;
                version = newer;
            }
        }
    }

    /// <summary>The version to score with.</summary>
    private async ValueTask<int> ChooseAsync(string category, CancellationToken cancellationToken)
    {
        int current = await store.ReadCurrentVersionAsync(category, cancellationToken) ?? throw NoCategory(category);
        return await _scoringVersions.ChooseAsync(category, current, cancellationToken);
    }

    private static SpadeException NoCategory(string category) =>
        new(SpadeError.NotFound, $"no category '{category}'; 'spade gallery list' shows what there is");
}
