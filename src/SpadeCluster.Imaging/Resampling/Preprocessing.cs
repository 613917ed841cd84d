using System.Globalization;
using System.Text.RegularExpressions;
using SpadeCluster.Features;

namespace SpadeCluster.Imaging;

/// <summary>
/// The geometry by which a photograph becomes a model's input. Manifests keep its text form, which must stay stable: "stretch 224x224",
/// "letterbox 224x224" (keeps proportions) or "shorter-side 256 crop 224x224" (width x height). After the first two, " tiles 3x2 overlap
/// 32" means that the photograph is resized to three by two such inputs, which overlap by 32 pixels. At the end, " copies mirror,flip"
/// names the <see cref="Copies"/> of normals.
/// </summary>
public sealed partial record Preprocessing
{
    private const int MaxSide = 16384;

    private Preprocessing(int width, int height, int? shorterSide, int columns = 1, int rows = 1, int overlap = 0, bool letterbox = false,
        bool whole = false, Copies copies = Copies.None)
    {
        static bool Usable(int side) => side is >= 1 and <= MaxSide;
        if (!Usable(width) || !Usable(height) || shorterSide is { } s && (!Usable(s) || s < Math.Max(width, height)))
            throw new SpadeException(SpadeError.InvalidArgument,
                $"preprocessing to {width}x{height}{(shorterSide is null ? "" : $" from a shorter side of {shorterSide}")} is not "
                + $"possible: sides are 1 to {MaxSide}, and a crop is no larger than the shorter side");
        if (columns < 1 || rows < 1 || columns * rows is < 1 or > TileGrid.MaxTiles || overlap < 0 || 2 * overlap > Math.Min(width, height)
            || (columns == 1 && rows == 1 && overlap != 0))
            throw new SpadeException(SpadeError.InvalidArgument,
                $"{columns}x{rows} tiles of {width}x{height} that overlap by {overlap} are not possible: there are at most "
                + $"{TileGrid.MaxTiles} tiles, and neighbours share at most half of each");
        (Width, Height, ShorterSide) = (width, height, shorterSide);
        Tiles = new TileGrid(width, height, columns, rows, overlap, letterbox, whole, copies);
    }

    /// <summary>The model's input width in pixels.</summary>
    public int Width { get; }

    /// <summary>The model's input height in pixels.</summary>
    public int Height { get; }

    /// <summary>The tiles of a photograph; one by default.</summary>
    public TileGrid Tiles { get; }

    /// <summary>The size of the image's shorter side before its centre is cut out; null: the whole image is used.</summary>
    public int? ShorterSide { get; }

    /// <summary>The paper's protocol: shorter side 256, centre 224x224.</summary>
    public static Preprocessing Paper { get; } = ShorterSideCrop(256, 224, 224);

    /// <summary>The whole image stretched to the input size.</summary>
    public static Preprocessing Stretch(int width, int height) => new(width, height, null);

    /// <summary>The whole photograph on a grid of tiles.</summary>
    public static Preprocessing Of(TileGrid tiles) =>
        new(tiles.TileWidth, tiles.TileHeight, null, tiles.Columns, tiles.Rows, tiles.Overlap, tiles.Letterbox, tiles.Whole,
            tiles.Copies);

    /// <summary>The image resized by its shorter side with its proportions, and its centre cut out: torchvision's Resize and
    /// CenterCrop.</summary>
    public static Preprocessing ShorterSideCrop(int shorterSide, int width, int height) => new(width, height, shorterSide);

    /// <exception cref="SpadeException">InvalidArgument: not one of the forms.</exception>
    public static Preprocessing Parse(string text)
    {
        var match = Form().Match(text);
        int Number(string group, int otherwise = 0) =>
            int.TryParse(match.Groups[group].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out int n) ? n : otherwise;
        if (!match.Success)
            throw new SpadeException(SpadeError.InvalidArgument,
                $"'{text}' is not a preprocessing; write 'stretch 224x224', 'letterbox 224x224', either of them followed by ' tiles 3x2 "
                + $"overlap 32', or 'shorter-side 256 crop 224x224'");
        return new(Number("w"), Number("h"), match.Groups["s"].Success ? Number("s") : null, Number("c", 1), Number("r", 1), Number("o"),
            match.Groups["l"].Success, match.Groups["a"].Success,
            match.Groups["k"].Success ? CopyExtensions.Parse(match.Groups["k"].Value) : Copies.None);
    }

    public override string ToString() =>
        ShorterSide is { } s ? Tiles.Copies.AppliedTo($"shorter-side {s} crop {Width}x{Height}") : Tiles.Description;

    /// <summary>The resized photograph: the model's input, or the picture from which tiles are cut.</summary>
    public RgbImage Apply(RgbImage image)
    {
        using var rows = PixelRows.Of(image);
        return Apply(rows);
    }

    internal RgbImage Apply(PixelRows image)
    {
        var (width, height, crop) = Plan(image.Width, image.Height);
        var resized = Resampler.Resize(image, width, height);
        return crop.Width == width && crop.Height == height ? resized : Resampler.Crop(resized, crop);
    }

    /// <summary>The same for a mask, by nearest neighbour: true where its first channel is above 127; [y][x].</summary>
    public bool[] ApplyToMask(RgbImage mask)
    {
        var (width, height, crop) = Plan(mask.Width, mask.Height);
        byte[] pixels = Resampler.Crop(Resampler.ResizeNearest(mask, width, height), crop).Pixels;
        var result = new bool[crop.Width * crop.Height];
        for (int i = 0; i < result.Length; i++)
            result[i] = pixels[3 * i] > 127;
        return result;
    }

    /// <summary>The position of the input's pixels in a photograph of this size.</summary>
    public InputGeometry Geometry(int width, int height)
    {
        var (resizedWidth, resizedHeight, crop) = Plan(width, height);
        return new InputGeometry(width, height, resizedWidth, resizedHeight, crop.X, crop.Y);
    }

    /// <summary>The smallest box of original pixels that covers a box of input pixels.</summary>
    public PixelBox ToOriginal(PixelBox box, int originalWidth, int originalHeight)
    {
        // The tolerance prevents an extra pixel where a border is a whole number except for rounding.
        const double Tolerance = 1e-9;
        var geometry = Geometry(originalWidth, originalHeight);
        var (left, top) = geometry.ToOriginal(box.X, box.Y);
        var (right, bottom) = geometry.ToOriginal(box.X + box.Width, box.Y + box.Height);
        int x = (int)Math.Floor(left + Tolerance), y = (int)Math.Floor(top + Tolerance);
        return new PixelBox(x, y, (int)Math.Ceiling(right - Tolerance) - x, (int)Math.Ceiling(bottom - Tolerance) - y)
            .Clamp(originalWidth, originalHeight);
    }

    /// <summary>The size to resize to and the part to cut out.</summary>
    private (int Width, int Height, PixelBox Crop) Plan(int width, int height)
    {
        if (ShorterSide is not { } side)
        {
            var frame = Tiles.Frame(width, height);
            return (frame.Width, frame.Height, new(0, 0, frame.Width, frame.Height));
        }
        // torchvision truncates the longer side and rounds the crop's offset half to even.
        long longer = (long)((double)side * Math.Max(width, height) / Math.Min(width, height));
        if (longer * side > ImageLimits.Default.MaxPixels)
            throw new SpadeException(SpadeError.InvalidArgument,
                $"an image of {width}x{height} pixels is too narrow for the preprocessing '{this}'");
        var (w, h) = width <= height ? (side, (int)longer) : ((int)longer, side);
        return (w, h, new((int)Math.Round((w - Width) / 2.0), (int)Math.Round((h - Height) / 2.0), Width, Height));
    }

    [GeneratedRegex(@"^(?:(?:stretch|(?<l>letterbox)) (?<w>\d+)x(?<h>\d+)"
        + @"(?: tiles (?<c>\d{1,3})x(?<r>\d{1,3}) overlap (?<o>\d{1,4})(?<a> and whole)?)?"
        + @"|shorter-side (?<s>\d+) crop (?<w>\d+)x(?<h>\d+))(?: copies (?<k>[a-z,-]+))?$",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex Form();
}
