namespace SpadeCluster.Features;

/// <summary>A photograph prepared for a model.</summary>
/// <param name="Input">The resized photograph: the model's input, or the picture from which its tiles are cut.</param>
/// <param name="Geometry">Where the input's pixels lie in the photograph.</param>
public sealed record PreparedImage(RgbImage Input, InputGeometry Geometry)
{
    /// <summary>How it is cut into tiles; by default into one.</summary>
    public TileGrid Tiles { get; init; } = new(Input.Width, Input.Height);

    /// <summary>The whole photograph in the model's input size, if the grid includes it.</summary>
    public RgbImage? Whole { get; init; }

    /// <summary>The part of the grid that it covers.</summary>
    public TileFrame Frame => Tiles.Frame(Geometry.OriginalWidth, Geometry.OriginalHeight);

    /// <summary>A turned copy of the photograph.</summary>
    public PreparedImage Copy(Orientation orientation)
        => this with { Input = orientation.Of(Input), Whole = Whole is null ? null : orientation.Of(Whole) };

    /// <summary>One tile, in the model's input size.</summary>
    public RgbImage Tile(int tile) => Whole is not null && tile == Tiles.Count - 1 ? Whole : Tiles.Cut(Input, Frame, tile);
}

/// <summary>Where the input's pixels lie in the photograph, which was resized and then cut.</summary>
/// <param name="OriginalWidth">Width of the photograph in pixels.</param>
/// <param name="OriginalHeight">Height of the photograph in pixels.</param>
/// <param name="ResizedWidth">Its width after resizing.</param>
/// <param name="ResizedHeight">Its height after resizing.</param>
/// <param name="Left">First column of the resized photograph that is in the input.</param>
/// <param name="Top">First row of the resized photograph that is in the input.</param>
public sealed record InputGeometry(int OriginalWidth, int OriginalHeight, int ResizedWidth, int ResizedHeight, int Left = 0, int Top = 0)
{
    /// <summary>A photograph that is used as input without any change.</summary>
    public static InputGeometry Same(int width, int height) => new(width, height, width, height);

    /// <summary>Where a point of the input lies in the photograph. Coordinates are continuous: pixel (x, y) covers x to x + 1,
    /// y to y + 1, its centre is at (x + 0.5, y + 0.5).</summary>
    public (double X, double Y) ToOriginal(double x, double y)
        => ((Left + x) * OriginalWidth / ResizedWidth, (Top + y) * OriginalHeight / ResizedHeight);
}

/// <summary>Decodes photographs and brings them to a model's input size.</summary>
public interface IImagePreparer
{
    /// <summary>A stable text of the geometry; galleries record it and refuse images that were prepared in another way.</summary>
    string Description { get; }

    /// <exception cref="SpadeException">InvalidArgument or ResourceExhausted: not an image, damaged, or too large. The
    /// message names <paramref name="name"/>.</exception>
    PreparedImage Prepare(ReadOnlySpan<byte> file, string name);

    /// <summary>Pixels of the decoded image by its header, which <see cref="Prepare"/> takes memory for; 0: not known.</summary>
    long PixelsOf(ReadOnlySpan<byte> file) => 0;
}
