using SpadeCluster.Features;

namespace SpadeCluster.Imaging;

/// <summary>Decodes photographs with a reader and prepares them by one geometry.</summary>
public sealed class ImagePreparer(Preprocessing preprocessing, ImageReader? reader = null) : IImagePreparer
{
    private readonly ImageReader _reader = reader ?? ImageReader.Default;

    public Preprocessing Preprocessing { get; } = preprocessing;

    public string Description => Preprocessing.ToString();

    public PreparedImage Prepare(ReadOnlySpan<byte> file, string name)
    {
        var image = _reader.Decode(file, name);
        return new PreparedImage(Preprocessing.Apply(image), image.Width, image.Height,
            p => Preprocessing.ToOriginal(p.X, p.Y, image.Width, image.Height));
    }
}
