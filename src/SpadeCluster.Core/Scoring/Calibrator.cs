using SpadeCluster.Galleries;

namespace SpadeCluster.Scoring;

/// <summary>Learns thresholds from a gallery's own normals, leaving each out in turn.</summary>
public static class Calibrator
{
    /// <summary>Normals of highest score that are told by name.</summary>
    private const int Told = 3;

    /// <exception cref="SpadeException">FailedPrecondition: fewer than 2 images.</exception>
    public static async ValueTask<Calibration> RunAsync(IGalleryStore store, OpenGallery gallery, ScoringOptions options, IProgress<int>? progress = null, CancellationToken cancellationToken = default)
    {
        var manifest = gallery.Manifest;
        int n = manifest.Images.Count;
        if (n < 2) throw new SpadeException(SpadeError.FailedPrecondition, $"category '{manifest.Category}' has {n} image(s); calibration compares normals with each other and needs at least 2");
        options.Check(n, manifest.Model.Levels.Count);
        // Scores of all normals are needed, whatever the gate would have let through.
        var always = options with { GatePolicy = GatePolicy.Always };
        var (gate, scores) = (new double[n], new double[n]);
        for (int i = 0; i < n; i++)
        {
            var id = manifest.Images[i].Id;
            var features = await store.ReadFeaturesAsync(manifest.Category, id, manifest.Model, cancellationToken);
            var query = new QueryImage(id, features.Pooled, ct => store.ReadPyramidAsync(manifest.Category, id, manifest.Model, ct));
            var result = await gallery.Coordinator.ScoreAsync(query, always, null, exclude: id, cancellationToken);
            (gate[i], scores[i]) = (result.GateDistance, result.Map!.Score);
            progress?.Report(i + 1);
        }
        // With few normals theta is the highest of these scores: one that is not normal spoils it, so somebody should look.
        NormalScore[] highest = [.. manifest.Images.Zip(scores, (image, score) => new NormalScore(image, score)).OrderByDescending(s => s.Score).Take(Told)];
        Array.Sort(gate);
        Array.Sort(scores);
        var (tau, rate) = ConformalQuantile.Of(gate, options.Alpha);
        var (theta, _) = ConformalQuantile.Of(scores, options.Alpha);
        return new Calibration { Options = options, Tau = tau, Theta = theta, Rate = rate, GateDistances = gate, Scores = scores, Highest = highest };
    }
}
