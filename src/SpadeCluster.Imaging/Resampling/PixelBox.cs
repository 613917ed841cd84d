namespace SpadeCluster.Imaging;

/// <summary>A rectangle of pixels: its left upper pixel and its size.</summary>
public readonly record struct PixelBox(int X, int Y, int Width, int Height)
{
    /// <summary>A square of <paramref name="size"/> pixels around a pixel.</summary>
    public static PixelBox Around(int x, int y, int size) => new(x - size / 2, y - size / 2, size, size);

    /// <summary>The box moved, and reduced if needed, to be inside an image; at least one pixel.</summary>
    public PixelBox Clamp(int imageWidth, int imageHeight)
    {
        int width = Math.Clamp(Width, 1, imageWidth), height = Math.Clamp(Height, 1, imageHeight);
        return new(Math.Clamp(X, 0, imageWidth - width), Math.Clamp(Y, 0, imageHeight - height), width, height);
    }
}
