namespace SpadeCluster.Imaging;

/// <summary>Limits of a decoder; larger images are refused before memory is allocated for them.</summary>
/// <param name="MaxPixels">Width times height; the default allows cameras of 150 megapixels, whose images take 450 MB.</param>
/// <param name="MaxFileBytes">Size of the encoded file.</param>
public sealed record ImageLimits(long MaxPixels = 160_000_000, long MaxFileBytes = 256L << 20)
{
    /// <summary>Pixels per side. ImageSharp computes the bytes of a row, for PNG eight times its bits, in 32 bits.</summary>
    public const int MaxSide = 1 << 20;

    public static ImageLimits Default { get; } = new();

    /// <summary>Checks the size in a header.</summary>
    /// <exception cref="SpadeException">InvalidArgument: empty. ResourceExhausted: more than <see cref="MaxPixels"/>, or a side
    /// longer than <see cref="MaxSide"/>.</exception>
    public void CheckSize(long width, long height)
    {
        if (width <= 0 || height <= 0)
            throw DecodeError.Because($"by its header the image is empty, {width}x{height} pixels");
        // Dividing cannot overflow.
        long most = Math.Min(MaxPixels, Array.MaxLength / 4);
        if (width > most / height)
            throw new SpadeException(SpadeError.ResourceExhausted,
                $"the image is {width}x{height} pixels, more than the limit of {most:N0} pixels; scale it down or raise the limit");
        if (Math.Max(width, height) > MaxSide)
            throw new SpadeException(SpadeError.ResourceExhausted,
                $"the image is {width}x{height} pixels, but a side may have at most {MaxSide:N0}; send it in parts");
    }

    internal void CheckFile(long bytes)
    {
        if (bytes > MaxFileBytes)
            throw new SpadeException(SpadeError.ResourceExhausted,
                $"the file has {bytes:N0} bytes, more than the limit of {MaxFileBytes:N0}; shrink it or raise the limit");
    }
}
