using System.Diagnostics;
using SpadeCluster.Features;
using SpadeCluster.Galleries;

namespace SpadeCluster.Scoring;

/// <summary>One scored photograph.</summary>
public sealed record ScoredImage(string Source, ImageId Id, PreparedImage Prepared, GalleryManifest Gallery, ScoreResult Result);

/// <summary>Photographs in, verdicts out, for one opened gallery version in this process. Safe for concurrent calls.</summary>
public sealed class ScoringService
{
    private readonly OpenGallery _gallery;
    private readonly IFeatureExtractor _extractor;
    private readonly IImagePreparer _preparer;
    private readonly ScoringOptions _options;

    /// <param name="options">Null: the settings the gallery was calibrated with, or the defaults.</param>
    /// <exception cref="SpadeException">FailedPrecondition: the gallery belongs to another model or geometry.</exception>
    public ScoringService(OpenGallery gallery, IFeatureExtractor extractor, IImagePreparer preparer, ScoringOptions? options = null)
    {
        GalleryService.RequireSame(gallery.Manifest, extractor.Model, preparer);
        (_gallery, _extractor, _preparer) = (gallery, extractor, preparer);
        _options = options ?? gallery.Manifest.Calibration?.Options ?? new ScoringOptions();
    }

    public async ValueTask<ScoredImage> ScoreAsync(ImageSource source, CancellationToken cancellationToken = default)
    {
        var file = await source.ReadAsync(cancellationToken);
        long start = Stopwatch.GetTimestamp();
        var prepared = _preparer.Prepare(file, source.Name);
        double prepare = Stopwatch.GetElapsedTime(start).TotalMilliseconds;

        start = Stopwatch.GetTimestamp();
        var features = new ImageFeatures(_extractor.Model);
        await _extractor.ExtractAsync([prepared.Input], [features], cancellationToken);
        var query = new QueryImage(ImageId.Of(file), features.Pooled, FeaturePyramid.From(features));
        double extract = Stopwatch.GetElapsedTime(start).TotalMilliseconds;

        var result = await _gallery.Coordinator.ScoreAsync(query, _options, _gallery.Manifest.Calibration, cancellationToken: cancellationToken);
        return new ScoredImage(source.Name, query.Id, prepared, _gallery.Manifest,
            result with { Times = result.Times with { Prepare = prepare, Extract = extract } });
    }
}
