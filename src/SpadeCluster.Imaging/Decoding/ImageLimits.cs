namespace SpadeCluster.Imaging;

/// <summary>What a decoder may be asked to do; beyond it an image is refused before memory is taken for it.</summary>
/// <param name="MaxPixels">Width times height; the default takes every usual camera and at most 150 MB a decoded image.</param>
/// <param name="MaxFileBytes">Size of the encoded file.</param>
public sealed record ImageLimits(long MaxPixels = 50_000_000, long MaxFileBytes = 256L << 20)
{
    public static ImageLimits Default { get; } = new();

    /// <summary>Checks the size that a header claims.</summary>
    /// <exception cref="SpadeException">InvalidArgument: empty. ResourceExhausted: more than <see cref="MaxPixels"/>.</exception>
    public void CheckSize(long width, long height)
    {
        if (width <= 0 || height <= 0)
            throw Undecodable.Because($"its header claims an empty image, {width}x{height} pixels");
        // Dividing cannot overflow, whatever a header claims.
        long most = Math.Min(MaxPixels, Array.MaxLength / 4);
        if (width > most / height)
            throw new SpadeException(SpadeError.ResourceExhausted, $"the image is {width}x{height} pixels, more than the limit of {most:N0} pixels; scale it down or raise the limit");
    }

    internal void CheckFile(long bytes)
    {
        if (bytes > MaxFileBytes)
            throw new SpadeException(SpadeError.ResourceExhausted, $"the file has {bytes:N0} bytes, more than the limit of {MaxFileBytes:N0}; shrink it or raise the limit");
    }
}
