using SpadeCluster.Galleries;
using SpadeCluster.Imaging;
using SpadeCluster.Scoring;
using SpadeCluster.Server.Admission;

namespace SpadeCluster.Server.TestSets;

/// <summary>Scores photographs with given versions only while no other photograph needs the slot. It decides nothing.</summary>
internal sealed class BackgroundScoring(IGalleryServices services, IVersionScoring scoring, ScoringSlots slots)
{
    /// <summary>Bytes of a picture, and pixels of its longer side.</summary>
    private const int PictureBytes = 30_000, PictureSide = 320;

    /// <param name="version">Null: the version that decides.</param>
    /// <exception cref="SpadeException">NotFound: no such category or version. FailedPrecondition: it has no thresholds.</exception>
    public async Task<GalleryManifest> VersionAsync(string category, int? version, CancellationToken cancellationToken)
    {
        var galleries = services.For("server");
        var found = version is { } v ? await galleries.GetVersionAsync(category, v, cancellationToken)
            : await galleries.FindScoringVersionAsync(category, cancellationToken)
                ?? await galleries.GetAsync(category, cancellationToken);
        return found.Calibration is not null ? found : throw new SpadeException(SpadeError.FailedPrecondition,
            $"version {found.Version} of '{category}' has no thresholds, and so no verdicts: choose one that has");
    }

    /// <summary>Scores a photograph, and again if another one took its slot.</summary>
    public async Task<ScoredImage> ScoreAsync(GalleryManifest version, ImageSource photograph, CancellationToken stop)
    {
        while (true)
        {
            try
            {
                return await slots.RunYieldingAsync(ct => scoring.ScoreAsync(version.Category, version.Version, photograph, ct), stop);
            }
            catch (OperationCanceledException) when (!stop.IsCancellationRequested)
            {
                // A photograph of a line had to be scored first.
            }
        }
    }

    public static string Word(ScoredImage scored) => scored.Result.Verdict!.Value.ToString().ToLowerInvariant();

    /// <summary>The photograph with its map, small, JPEG.</summary>
    public static byte[] Draw(ScoredImage scored)
    {
        var picture = scored.Prepared.Input;
        if (scored.Result is { Map: { } map, Calibration: { } c })
            picture = Overlay.Blend(picture, [.. map.Values.Select(v => (float)(v / (2 * c.Theta)))], ColorMap.Inferno);
        return Thumbnail.Encode(picture, PictureBytes, PictureSide) ?? [];
    }
}
