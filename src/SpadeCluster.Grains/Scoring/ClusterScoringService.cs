using System.Diagnostics;
using Microsoft.Extensions.Options;
using SpadeCluster.Galleries;
using SpadeCluster.Grains.Extraction;
using SpadeCluster.Grains.Shards;
using SpadeCluster.Grains.Telemetry;
using SpadeCluster.Scoring;

namespace SpadeCluster.Grains.Scoring;

/// <summary>
/// Scoring at a gateway: decodes here, extracts and searches wherever the grains are. The coordinator is Core's, in this
/// process: a coordinator grain would only add a hop for the image and one for the map.
/// </summary>
internal sealed class ClusterScoringService(ManifestCache manifests, ClusterGalleries galleries, IImagePreparers preparers, ExtractorPool extractors, IOptions<ClusterOptions> options) : IScoringService
{
    private const int VersionAttempts = 3;

    /// <summary>For tests and evaluations; clients are judged by the settings a gallery was calibrated with.</summary>
    internal ScoringOptions? Override { get; set; }

    public async ValueTask<ScoredImage> ScoreAsync(string category, ImageSource source, CancellationToken cancellationToken = default)
    {
        using var activity = SpadeMeter.Activities.StartActivity("spade.score")?.SetTag("spade.category", category);
        var manifest = await manifests.CurrentAsync(category, cancellationToken);
        byte[] file = await source.ReadAsync(cancellationToken);
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                return await ScoreAsync(manifest, source.Name, file, cancellationToken);
            }
            catch (VersionGoneException e) when (attempt < VersionAttempts)
            {
                // Published between pinning the version here and loading it there: judge by the new one.
                activity?.AddEvent(new ActivityEvent(e.Message));
                manifest = await manifests.CurrentAsync(category, cancellationToken);
            }
        }
    }

    private async Task<ScoredImage> ScoreAsync(GalleryManifest manifest, string name, byte[] file, CancellationToken cancellationToken)
    {
        long start = Stopwatch.GetTimestamp();
        var prepared = preparers.For(manifest.Preprocessing).Prepare(file, name);
        double prepare = Lap("decode", ref start);

        var settings = Override ?? manifest.Calibration?.Options ?? ScoringOptions.DefaultFor(manifest.Images.Count);
        var calibration = manifest.Calibration is { } c && c.Options.ScoresLike(settings) ? c : null;
        var request = new ExtractRequest(manifest.Model, manifest.Preprocessing, prepared.Input.Pixels, WithPyramid: settings.GatePolicy == GatePolicy.Always);
        var extracted = await extractors.ExtractAsync(request, cancellationToken);
        double extract = Lap("extracted", ref start);
        try
        {
            var query = new QueryImage(ImageId.Of(file), extracted.Pooled, extracted.PyramidAsync);
            var coordinator = galleries.Coordinator(manifest, options.Value.Threads);
            var result = await coordinator.ScoreAsync(query, settings, calibration, cancellationToken: cancellationToken);
            SpadeMeter.Stage("retrieve", result.Times.Retrieve);
            if (result.Map is not null)
            {
                SpadeMeter.Stage("match", result.Times.Match);
                SpadeMeter.Stage("smooth", result.Times.Map);
            }
            return new ScoredImage(name, query.Id, prepared, manifest, result with { Times = result.Times with { Prepare = prepare, Extract = extract } });
        }
        finally
        {
            await extracted.ReleaseAsync();
        }
    }

    private static double Lap(string stage, ref long start)
    {
        long now = Stopwatch.GetTimestamp();
        var time = Stopwatch.GetElapsedTime(start, now);
        start = now;
        SpadeMeter.Stage(stage, time);
        return time.TotalMilliseconds;
    }
}
