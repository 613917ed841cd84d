namespace SpadeCluster.Imaging;

/// <summary>What a decoder may be asked to do; beyond it an image is refused before memory is taken for it.</summary>
/// <param name="MaxPixels">Width times height; the default takes every usual camera and at most 150 MB a decoded image.</param>
/// <param name="MaxFileBytes">Size of the encoded file.</param>
public sealed record ImageLimits(long MaxPixels = 50_000_000, long MaxFileBytes = 256L << 20)
{
    /// <summary>Pixels a side. ImageSharp calculates the bytes of a row, and for PNG its bits times eight, in 32 bits.</summary>
    public const int MaxSide = 1 << 20;

    public static ImageLimits Default { get; } = new();

    /// <summary>Checks the size that a header claims.</summary>
    /// <exception cref="SpadeException">InvalidArgument: empty. ResourceExhausted: more than <see cref="MaxPixels"/>, or a side
    /// longer than <see cref="MaxSide"/>.</exception>
    public void CheckSize(long width, long height)
    {
        if (width <= 0 || height <= 0)
            throw DecodeError.Because($"its header claims an empty image, {width}x{height} pixels");
        // Dividing cannot overflow, whatever a header claims.
        long most = Math.Min(MaxPixels, Array.MaxLength / 4);
        if (width > most / height)
            throw new SpadeException(SpadeError.ResourceExhausted,
                $"the image is {width}x{height} pixels, more than the limit of {most:N0} pixels; scale it down or raise the limit");
        if (Math.Max(width, height) > MaxSide)
            throw new SpadeException(SpadeError.ResourceExhausted,
                $"the image is {width}x{height} pixels, and a side may have at most {MaxSide:N0}; send it in parts");
    }

    internal void CheckFile(long bytes)
    {
        if (bytes > MaxFileBytes)
            throw new SpadeException(SpadeError.ResourceExhausted,
                $"the file has {bytes:N0} bytes, more than the limit of {MaxFileBytes:N0}; shrink it or raise the limit");
    }
}
