using SpadeCluster.Features;

namespace SpadeCluster.Imaging;

/// <summary>Decodes photographs with a reader and prepares them by one geometry.</summary>
public sealed class ImagePreparer(Preprocessing preprocessing, ImageReader? reader = null) : IImagePreparer
{
    /// <summary>Less than this many pixels on a side is no photograph of a product, but a mistake.</summary>
    public const int SmallestSide = 8;

    private readonly ImageReader _reader = reader ?? ImageReader.Default;

    public Preprocessing Preprocessing { get; } = preprocessing;

    public string Description => Preprocessing.ToString();

    public PreparedImage Prepare(ReadOnlySpan<byte> file, string name)
    {
        var image = _reader.Decode(file, name);
        if (Math.Min(image.Width, image.Height) < SmallestSide)
            throw new SpadeException(SpadeError.InvalidArgument,
                $"{name}: the image has {image.Width}x{image.Height} pixels; at least {SmallestSide}x{SmallestSide} are needed");
        // Not the image: what is prepared lives as long as it is scored, and would keep a hundred megabytes of pixels with it.
        var input = Preprocessing.Apply(image);
        return new PreparedImage(input, Preprocessing.Geometry(image.Width, image.Height))
        {
            Tiles = Preprocessing.Tiles,
            Whole = Preprocessing.Tiles.Whole ? Resampler.Resize(input, Preprocessing.Width, Preprocessing.Height) : null,
        };
    }
}
