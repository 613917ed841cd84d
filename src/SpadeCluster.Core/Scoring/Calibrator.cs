using SpadeCluster.Galleries;
using SpadeCluster.Neighbors;

namespace SpadeCluster.Scoring;

/// <summary>Learns thresholds from a gallery's own normals, leaving each out in turn.</summary>
public static class Calibrator
{
    /// <summary>Number of normals with the highest scores that are listed by name.</summary>
    private const int Listed = 3;

    /// <exception cref="SpadeException">FailedPrecondition: fewer than 2 images.</exception>
    public static async ValueTask<Calibration> RunAsync(IGalleryStore store, OpenGallery gallery, ScoringOptions options,
        IProgress<int>? progress = null, CancellationToken cancellationToken = default)
    {
        var manifest = gallery.Manifest;
        int n = manifest.Images.Count;
        if (n < 2)
            throw new SpadeException(SpadeError.FailedPrecondition,
                $"category '{manifest.Category}' has {n} image(s); calibration compares normals with each other and needs at least 2");
        options.Check(n, manifest.Model.Levels.Count);
        if (options.TileReach is null && GalleryTiles.Of(manifest) is { HasRegion: false, Grid.Count: > 1 })
            options = options with { TileReach = await TileAlignment.ReachAsync(store, gallery, cancellationToken) };
        // Thresholds need the scores of all normals, also of those that the gate would not localise.
        var always = options with { GatePolicy = GatePolicy.Always };
        bool normalised = options.Normalised && options.Fusion == Fusion.Concatenated;
        var (gate, scores, maps) = (new double[n], new double[n], new double[n]);
        var tiles = GalleryTiles.Of(manifest);
        var found = new IReadOnlyList<TileMatches>[n];
        for (int i = 0; i < n; i++)
        {
            var id = manifest.Images[i].Id;
            var query = await QueryAsync(store, manifest, tiles, id, cancellationToken);
            var result = await gallery.Coordinator.ScoreAsync(query, always, null, exclude: id, cancellationToken);
            (gate[i], scores[i]) = (result.GateDistance, result.Map!.Score);
            // The matches are kept: the usual distances are known only after all normals were searched.
            if (normalised) found[i] = result.Tiles;
            progress?.Report(i + 1);
        }
        UsualDistances? usual = null;
        if (normalised)
        {
            var cells = found[0][0].Maps[0];
            usual = UsualDistances.From(cells.Height, cells.Width, [.. manifest.Images.Select(i => i.Id)],
                [.. Enumerable.Range(0, tiles.Grid.Count).SelectMany(t => found.Select((f, i) => Covered(t, i, f[t].Maps[0])))],
                tiles.Grid.Letterbox);
            for (int i = 0; i < n; i++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var id = manifest.Images[i].Id;
                (scores[i], var map) = gallery.Coordinator.Normalise(found[i], tiles.Frame(id), usual, 1, options.Sigma, id);
                maps[i] = map.Score;
            }
        }
        return Estimate(manifest, options, gate, scores, normalised ? maps : null, usual);

        float[] Covered(int tile, int image, PixelMatches matches)
        {
            float[] distances = AnomalyMap.MeanOverKappa(matches);
            var frame = tiles.Frame(manifest.Images[image].Id);
            for (int cell = 0; cell < distances.Length; cell++)
                if (!tiles.Grid.Covers(frame, tile, cell, matches.Width, matches.Height)) distances[cell] = float.NaN;
            return distances;
        }
    }

    /// <summary>Thresholds from each normal's score against the others, in the order of the manifest.</summary>
    /// <param name="maps">Scores of the maps, if they are on another scale than the images' scores; else null.</param>
    internal static Calibration Estimate(GalleryManifest manifest, ScoringOptions options, double[] gate, double[] scores, double[]? maps,
        UsualDistances? usual)
    {
        NormalScore[] highest = [.. manifest.Images.Zip(scores, (image, score) => new NormalScore(image.Id, score))
            .OrderByDescending(s => s.Score)];
        double[] ascending = [.. highest.Select(h => h.Score).Reverse()];
        double limit = ThresholdEstimate.SuspectLimit(ascending);
        Suspect[] suspects = [.. highest.Zip(highest.Skip(1)).TakeWhile(pair => pair.First.Score > limit)
            .Select(pair => new Suspect(pair.First.Image, pair.First.Score, pair.Second.Score,
                manifest.Accepted.Contains(pair.First.Image)))];
        Array.Sort(gate);
        if (maps is not null) Array.Sort(maps);
        return new Calibration
        {
            Options = options,
            Tau = ThresholdEstimate.Of(options.Threshold, gate, options.Alpha),
            Theta = 0,
            // Chosen so that the same share of normals exceeds theta by their map as by their score.
            MapScale = maps is not null ? ThresholdEstimate.Of(options.Threshold, ascending,
                options.Alpha) / Math.Max(ThresholdEstimate.Of(options.Threshold, maps, options.Alpha), 1e-12) : 1,
            Rate = ConformalQuantile.Of(ascending, options.Alpha).Rate,
            GateDistances = gate,
            Scores = ascending,
            Suspects = suspects,
            Usual = usual,
            Highest = [.. highest.Take(Listed)],
        }.WithThresholds();
    }

    private static async ValueTask<QueryImage> QueryAsync(IGalleryStore store, GalleryManifest manifest, GalleryTiles tiles, ImageId id,
        CancellationToken cancellationToken)
    {
        var query = new QueryTile[tiles.Grid.Count];
        for (int t = 0; t < query.Length; t++)
        {
            var row = id.Row(t);
            var features = await store.ReadFeaturesAsync(manifest.Category, row, manifest.Model, cancellationToken);
            query[t] = new QueryTile(features.Pooled, ct => store.ReadPyramidAsync(manifest.Category, row, manifest.Model, ct));
        }
        return new QueryImage(id, query, tiles.Frame(id));
    }
}
