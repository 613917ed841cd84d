using SpadeCluster.Features;

namespace SpadeCluster.Imaging;

/// <summary>Decodes photographs with a reader and prepares them by one geometry.</summary>
public sealed class ImagePreparer(Preprocessing preprocessing, ImageReader? reader = null) : IImagePreparer
{
    /// <summary>An image with fewer pixels on a side cannot be a photograph of a part.</summary>
    public const int SmallestSide = 8;

    private readonly ImageReader _reader = reader ?? ImageReader.Default;

    public Preprocessing Preprocessing { get; } = preprocessing;

    public string Description => Preprocessing.ToString();

    public PreparedImage Prepare(ReadOnlySpan<byte> file, string name)
    {
        using var share = ProcessorShare.Begin();
        using var image = _reader.Open(file, name, ImageLimits.Default, share.Threads);
        if (Math.Min(image.Width, image.Height) < SmallestSide)
            throw new SpadeException(SpadeError.InvalidArgument,
                $"{name}: the image has {image.Width}x{image.Height} pixels; at least {SmallestSide}x{SmallestSide} are needed");
        var input = Preprocessing.Apply(image);
        return new PreparedImage(input, Preprocessing.Geometry(image.Width, image.Height))
        {
            Tiles = Preprocessing.Tiles,
            Whole = Preprocessing.Tiles.Whole ? Resampler.Resize(input, Preprocessing.Width, Preprocessing.Height) : null,
        };
    }

    public long PixelsOf(ReadOnlySpan<byte> file)
    {
        try
        {
            var (width, height) = ImageReader.ReadSize(file, "");
            return (long)width * height;
        }
        catch (SpadeException)
        {
            // Preparing it tells why.
            return 0;
        }
    }
}
