using SpadeCluster.Features;
using SpadeCluster.Imaging;

namespace SpadeCluster.Server.Decisions;

/// <summary>Pictures of kept decisions for the console, made on request.</summary>
public sealed class DecisionPictures(DecisionLog log)
{
    /// <summary>The model's input: each pixel corresponds to one of the map.</summary>
    public RgbImage Input(Decision decision)
        => new ImagePreparer(Preprocessing.Parse(decision.Preprocessing)).Prepare(log.Image(decision.Id), decision.Score.File).Input;

    /// <summary>The map in colours: black far below the threshold, purple at half of it, orange at it, yellow at twice and more.</summary>
    public RgbImage Map(Decision decision)
    {
        var map = log.Map(decision.Id);
        float scale = (float)Scale(decision, map);
        return Overlay.Render([.. map.Values.Select(v => v / scale)], map.Width, map.Height, ColorMap.Inferno);
    }

    /// <summary>The distance with the brightest colour.</summary>
    public static double Scale(Decision decision, KeptMap map) =>
        Math.Max(1e-12, decision.Score.Theta is { } theta ? 2 * theta : map.Values.Max());

    /// <summary>Outline of the regions above theta, as SVG path data in map pixels; empty for a normal part.</summary>
    public string Outline(Decision decision)
    {
        if (decision.Score is not { PredLabel: true, Theta: { } theta }) return "";
        var map = log.Map(decision.Id);
        return MaskOutline.Path(map.Above(theta), map.Width);
    }
}
