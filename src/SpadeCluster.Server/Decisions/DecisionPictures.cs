using SpadeCluster.Features;
using SpadeCluster.Imaging;

namespace SpadeCluster.Server.Decisions;

/// <summary>Pictures of kept decisions for the console, made on request.</summary>
public sealed class DecisionPictures(DecisionLog log)
{
    /// <summary>Pixels of a photograph's longer side that a browser is given: 12 megapixels whole, larger ones reduced.</summary>
    public const int LargestSide = 4096;

    private const int Quality = 92;

    /// <summary>Bytes of a small picture, and pixels of its longer side.</summary>
    private const int SmallBytes = 30_000, SmallSide = 320;

    /// <summary>One photograph at a time: a large one takes hundreds of megabytes while it is decoded.</summary>
    private readonly Lock _decoding = new();

    /// <summary>The model's input: each pixel corresponds to one of the map.</summary>
    public RgbImage Input(Decision decision)
    {
        var preparer = new ImagePreparer(Preprocessing.Parse(decision.Preprocessing));
        lock (_decoding) return preparer.Prepare(log.Image(decision.Id), decision.Score.File).Input;
    }

    /// <summary>The photograph itself, written anew: a browser never gets what was sent.</summary>
    public byte[] Photograph(Decision decision)
    {
        lock (_decoding)
        {
            var photograph = ImageReader.Default.Decode(log.Image(decision.Id), decision.Score.File);
            return JpegEncoder.Encode(Thumbnail.Within(photograph, LargestSide), Quality);
        }
    }

    /// <summary>Where map and tiles lie on the photograph.</summary>
    public MapGeometry Place(Decision decision)
    {
        var (width, height) = ImageReader.ReadSize(log.Image(decision.Id), decision.Score.File);
        var preprocessing = Preprocessing.Parse(decision.Preprocessing);
        return new MapGeometry(preprocessing.Geometry(width, height), preprocessing.Tiles);
    }

    /// <summary>The map in colours: black far below the threshold, purple at half of it, orange at it, yellow at twice and more.</summary>
    public RgbImage Map(Decision decision)
    {
        var map = log.Map(decision.Id);
        return Imaging.Overlay.Render(Scaled(decision, map), map.Width, map.Height, ColorMap.Inferno);
    }

    /// <summary>The same over the model's input.</summary>
    public RgbImage Overlay(Decision decision) =>
        Imaging.Overlay.Blend(Input(decision), Scaled(decision, log.Map(decision.Id)), ColorMap.Inferno);

    /// <summary>The same, small, JPEG; without a map, only the input.</summary>
    public byte[] SmallOverlay(Decision decision)
        => Thumbnail.Encode(decision.Score.Localised ? Overlay(decision) : Input(decision), SmallBytes, SmallSide) ?? [];

    private static float[] Scaled(Decision decision, KeptMap map)
    {
        float scale = (float)Scale(decision, map);
        return [.. map.Values.Select(v => v / scale)];
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

/// <summary>Where a map and its tiles lie on a photograph.</summary>
public sealed record MapGeometry(InputGeometry Geometry, TileGrid Tiles)
{
    private double ScaleX => (double)Geometry.OriginalWidth / Geometry.ResizedWidth;
    private double ScaleY => (double)Geometry.OriginalHeight / Geometry.ResizedHeight;

    /// <summary>SVG's transform from pixels of the map to those of the photograph.</summary>
    public string Transform => FormattableString.Invariant($"scale({ScaleX} {ScaleY}) translate({Geometry.Left} {Geometry.Top})");

    /// <summary>The other way.</summary>
    public string Inverse => FormattableString.Invariant($"translate({-Geometry.Left} {-Geometry.Top}) scale({1 / ScaleX} {1 / ScaleY})");

    /// <summary>The tiles, as the console's script reads them: columns, rows, width, height, overlap, whether each has a picture.</summary>
    public string Grid => FormattableString.Invariant(
        $"{Tiles.Columns},{Tiles.Rows},{Tiles.TileWidth},{Tiles.TileHeight},{Tiles.Overlap},{(Tiles.Whole ? 1 : 0)}");
}
