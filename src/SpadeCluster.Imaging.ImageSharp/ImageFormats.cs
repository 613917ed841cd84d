namespace SpadeCluster.Imaging.ImageSharp;

/// <summary>How the full build reads images, in every host.</summary>
public static class ImageFormats
{
    private const string Setting = "SPADE_IMAGE_DECODER";

    // Not a static initialiser: a wrong setting is to be an error in plain words.
    private static readonly Lazy<ImageReader> Made = new(() => From(Environment.GetEnvironmentVariable(Setting)));

    /// <summary>Every format through ImageSharp, and Imaging's own decoders behind it for what ImageSharp leaves to them; the
    /// other way round where the environment's SPADE_IMAGE_DECODER is "own".</summary>
    /// <exception cref="SpadeException">InvalidArgument: an unknown setting.</exception>
    public static ImageReader Reader => Made.Value;

    internal static ImageReader From(string? setting)
    {
        IImageDecoder[] own = [new PngDecoder(), new JpegDecoder(), new BmpDecoder(), new PnmDecoder()];
        return setting switch
        {
            null or "" or "imagesharp" => new ImageReader([new ImageSharpDecoder(), .. own]),
            "own" => new ImageReader([.. own, new ImageSharpDecoder()]),
            _ => throw new SpadeException(SpadeError.InvalidArgument, $"{Setting} is '{setting}'; it can be 'imagesharp' or 'own'"),
        };
    }
}
