using System.Diagnostics;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Neighbors;

namespace SpadeCluster.Scoring;

/// <summary>
/// One image through a gallery version: gate, fan-out, routing, merge, map, verdict. The shards' answers are merged by
/// (distance, image id, y, x), so the result is the same bits for any number of shards.
/// </summary>
/// <param name="model">Model of the gallery.</param>
/// <param name="imageCount">Images in all shards together.</param>
/// <param name="shards">Every shard of the version; one that fails makes the call fail, never a partial answer.</param>
/// <param name="threads">Threads a pixel search may use; 0 for all processors.</param>
/// <param name="stage">Gets each stage's name and milliseconds: retrieve, gate, match, merge, smooth, regions.</param>
public sealed class ScoringCoordinator(FeatureModel model, int imageCount, IReadOnlyList<IGalleryShard> shards, int threads = 0,
    Action<string, double>? stage = null)
{
    /// <param name="query">The image.</param>
    /// <param name="options">Settings; those of <paramref name="calibration"/> if the verdict is to mean anything.</param>
    /// <param name="calibration">Thresholds, or null for scores without a verdict.</param>
    /// <param name="exclude">A gallery image to leave out.</param>
    /// <exception cref="SpadeException">FailedPrecondition: empty gallery, or a policy that needs a calibration.
    /// InvalidArgument: settings the gallery cannot serve.</exception>
    public async ValueTask<ScoreResult> ScoreAsync(QueryImage query, ScoringOptions options, Calibration? calibration,
        ImageId? exclude = null, CancellationToken cancellationToken = default)
    {
        int available = imageCount - (exclude is null ? 0 : 1);
        if (available < 1) throw new SpadeException(SpadeError.FailedPrecondition, "the gallery is empty: add normal images first");
        if (exclude is null) options.Check(imageCount, model.Levels.Count);
        if (calibration is null && options.GatePolicy != GatePolicy.Always)
            throw new SpadeException(SpadeError.FailedPrecondition,
                $"gate policy {options.GatePolicy} needs a calibrated gallery: run 'spade gallery calibrate', or use policy always");

        long start = Stopwatch.GetTimestamp();
        int gateCount = Math.Min(options.GateNeighbours, available);
        int galleryCount = Math.Min(options.GalleryNeighbours ?? ScoringOptions.DefaultGalleryNeighbours, available);
        var (neighbours, holders) = await RetrieveAsync(query.Pooled, Math.Max(gateCount, galleryCount), exclude, cancellationToken);
        double retrieve = Lap("retrieve", ref start);
        double distance = 0;
        foreach (var n in neighbours.Take(gateCount)) distance += n.Distance;
        distance /= gateCount;
        var result = new ScoreResult
        {
            GateDistance = distance,
            Calibration = calibration,
            Neighbours = neighbours,
            Times = new StageTimes { Retrieve = retrieve },
        };
        bool localised = IsLocalised(query, options, result);
        Lap("gate", ref start);
        if (!localised) return result;

        // Positions in ascending order of id: the pixel search breaks ties by position.
        GalleryPick[] picks = [.. neighbours.Take(galleryCount).Select(n => n.Id).Order()
            .Select((id, position) => new GalleryPick(position, id))];
        var pyramid = await query.Pyramid(cancellationToken);
        var search = new PixelSearchOptions(options.Fusion, options.Kappa, options.Levels, threads);
        var parts = await Task.WhenAll(picks.GroupBy(p => holders[p.Id])
            .Select(g => shards[g.Key].MatchAsync(pyramid, [.. g], search, cancellationToken).AsTask()));
        double match = Lap("match", ref start);
        var merged = parts[0];
        foreach (var part in parts.Skip(1))
            foreach (var (mine, theirs) in merged.Zip(part)) mine.Merge(theirs);
        match += Lap("merge", ref start);

        AnomalyMap map;
        double score;
        if (calibration?.Usual is { } usual)
        {
            (score, map) = Normalise(merged[0], [.. picks.Select(p => p.Id)], usual, calibration.MapScale, options.Sigma, exclude);
        }
        else
        {
            map = AnomalyMap.From(merged, model.InputWidth, model.InputHeight, new GaussianFilter(options.Sigma));
            score = map.Score;
        }
        double smooth = Lap("smooth", ref start);
        result = result with { Map = map, Score = score, Matches = merged[0], Picks = picks };
        if (result.Anomalous == true) result = result with { Regions = AnomalyRegion.Find(map, result.RegionThreshold) };
        return result with { Times = result.Times with { Match = match, Map = smooth + Lap("regions", ref start) } };
    }

    /// <summary>Score and map of an image set against what is usual.</summary>
    internal (double Score, AnomalyMap Map) Normalise(PixelMatches matches, IReadOnlyList<ImageId> ids, UsualDistances usual,
        double mapScale, double sigma, ImageId? exclude)
    {
        var smoothing = new GaussianFilter(sigma);
        var (score, map) = usual.Normalise(matches, ids, exclude);
        for (int cell = 0; cell < map.Length; cell++) map[cell] = (float)(map[cell] * mapScale);
        AnomalyMap Enlarge(float[] grid) =>
            AnomalyMap.From(grid, matches.Height, matches.Width, model.InputWidth, model.InputHeight, smoothing);
        return (Enlarge(score).MeanOfHighest(ScoringOptions.NormalisedShare), Enlarge(map));
    }

    private async ValueTask<(IReadOnlyList<Neighbour> Neighbours, Dictionary<ImageId, int> Holders)> RetrieveAsync(
        ReadOnlyMemory<float> pooled, int count, ImageId? exclude, CancellationToken cancellationToken)
    {
        var answers = await Task.WhenAll(shards.Select(s => s.NearestAsync(pooled, count, exclude, cancellationToken).AsTask()));
        var merged = answers.SelectMany((a, shard) => a.Select(n => (Neighbour: n, Shard: shard)))
            .OrderBy(x => x.Neighbour.Distance).ThenBy(x => x.Neighbour.Id).Take(count).ToArray();
        return ([.. merged.Select(x => x.Neighbour)], merged.ToDictionary(x => x.Neighbour.Id, x => x.Shard));
    }

    private static bool IsLocalised(QueryImage query, ScoringOptions options, ScoreResult result) => options.GatePolicy switch
    {
        GatePolicy.Always => true,
        _ when result.Flagged == true => true,
        // By content, not by chance: a retried call must decide the same.
        GatePolicy.GateOrSample => query.Id.Value < options.AuditShare * ulong.MaxValue,
        _ => false,
    };

    private double Lap(string name, ref long start)
    {
        long now = Stopwatch.GetTimestamp();
        double ms = Stopwatch.GetElapsedTime(start, now).TotalMilliseconds;
        start = now;
        stage?.Invoke(name, ms);
        return ms;
    }
}
