using SpadeCluster.Galleries;
using SpadeCluster.Neighbors;

namespace SpadeCluster.Scoring;

/// <summary>Learns thresholds from a gallery's own normals, leaving each out in turn.</summary>
public static class Calibrator
{
    /// <summary>Normals of highest score that are told by name.</summary>
    private const int Told = 3;

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
        // Scores of all normals are needed, whatever the gate would have let through.
        var always = options with { GatePolicy = GatePolicy.Always };
        bool normalised = options.Normalised && options.Fusion == Fusion.Concatenated;
        var (gate, scores, maps) = (new double[n], new double[n], new double[n]);
        var found = new (PixelMatches Matches, IReadOnlyList<ImageId> Ids)[n];
        for (int i = 0; i < n; i++)
        {
            var id = manifest.Images[i].Id;
            var features = await store.ReadFeaturesAsync(manifest.Category, id, manifest.Model, cancellationToken);
            var query = new QueryImage(id, features.Pooled, ct => store.ReadPyramidAsync(manifest.Category, id, manifest.Model, ct));
            var result = await gallery.Coordinator.ScoreAsync(query, always, null, exclude: id, cancellationToken);
            (gate[i], scores[i]) = (result.GateDistance, result.Map!.Score);
            // A map's worth of matches for each normal: what is usual is known only when all were searched.
            if (normalised) found[i] = (result.Matches!, [.. result.Picks.Select(p => p.Id)]);
            progress?.Report(i + 1);
        }
        UsualDistances? usual = null;
        if (normalised)
        {
            usual = UsualDistances.From(found[0].Matches.Height, found[0].Matches.Width, [.. manifest.Images.Select(i => i.Id)],
                [.. found.Select(f => AnomalyMap.MeanOverKappa(f.Matches))]);
            for (int i = 0; i < n; i++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                (scores[i], var map) = gallery.Coordinator.Normalise(found[i].Matches, found[i].Ids, usual, 1, options.Sigma,
                    manifest.Images[i].Id);
                maps[i] = map.Score;
            }
        }
        NormalScore[] highest = [.. manifest.Images.Zip(scores, (image, score) => new NormalScore(image.Id, score))
            .OrderByDescending(s => s.Score)];
        double[] ascending = [.. highest.Select(h => h.Score).Reverse()];
        double limit = ThresholdEstimate.SuspectLimit(ascending);
        Suspect[] suspects = [.. highest.Zip(highest.Skip(1)).TakeWhile(pair => pair.First.Score > limit)
            .Select(pair => new Suspect(pair.First.Image, pair.First.Score, pair.Second.Score,
                manifest.Accepted.Contains(pair.First.Image)))];
        Array.Sort(gate);
        Array.Sort(maps);
        return new Calibration
        {
            Options = options,
            Tau = ThresholdEstimate.Of(options.Threshold, gate, options.Alpha),
            Theta = 0,
            // The same share of normals exceeds theta by their map as by their score.
            MapScale = normalised ? ThresholdEstimate.Of(options.Threshold, ascending,
                options.Alpha) / Math.Max(ThresholdEstimate.Of(options.Threshold, maps, options.Alpha), 1e-12) : 1,
            Rate = ConformalQuantile.Of(ascending, options.Alpha).Rate,
            GateDistances = gate,
            Scores = ascending,
            Suspects = suspects,
            Usual = usual,
            Highest = [.. highest.Take(Told)],
        }.Thresholds();
    }
}
