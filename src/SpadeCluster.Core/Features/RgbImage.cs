namespace SpadeCluster.Features;

/// <summary>An 8-bit RGB image: <see cref="Pixels"/> is row-major, three bytes (R, G, B) a pixel, no padding.</summary>
public sealed class RgbImage
{
    public RgbImage(int width, int height, byte[] pixels)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        ArgumentOutOfRangeException.ThrowIfNotEqual(pixels.LongLength, 3L * width * height, nameof(pixels));
        (Width, Height, Pixels) = (width, height, pixels);
    }

    public RgbImage(int width, int height) : this(width, height, new byte[checked(3 * width * height)]) { }

    public int Width { get; }
    public int Height { get; }
    public byte[] Pixels { get; }
}
