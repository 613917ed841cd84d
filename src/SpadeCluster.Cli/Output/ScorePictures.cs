using SpadeCluster.Imaging;
using SpadeCluster.Scoring;

namespace SpadeCluster.Cli.Output;

/// <summary>The overlay and the mask of one scored image, at the model's input size.</summary>
internal static class ScorePictures
{
    /// <returns>The score with the names of the written files.</returns>
    public static ImageScore Write(string folder, ScoredImage scored, ImageScore score)
    {
        if (scored.Result.Map is not { } map) return score;
        // The id distinguishes two files of the same name.
        string stem = $"{Path.GetFileNameWithoutExtension(scored.Source)}-{scored.Id.ToString()[..8]}";
        string overlay = Path.Combine(folder, stem + "_overlay.png"), mask = Path.Combine(folder, stem + "_mask.png");
        var above = map.Above(scored.Result.RegionThreshold);
        float[] shown = scored.Result.Calibration is { } c
            ? [.. map.Values.Select(v => (float)c.Normalise(v))]
            : [.. map.Values.Select(v => (float)(v / Math.Max(map.Max, 1e-12)))];
        var picture = Overlay.Outline(Overlay.Blend(scored.Prepared.Input, shown, ColorMap.Inferno), above, new Rgb(0, 213, 255));
        PngEncoder.WriteFile(overlay, Overlay.SideBySide([scored.Prepared.Input, picture]));
        PngEncoder.WriteMaskFile(mask, above, map.Width, map.Height);
        return score with { Overlay = overlay, PredMask = mask };
    }
}
