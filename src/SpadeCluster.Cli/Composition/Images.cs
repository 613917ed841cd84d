using SpadeCluster.Imaging;

namespace SpadeCluster.Cli.Composition;

/// <summary>The image formats of this build: our own decoders, and in the full build others behind them (Full/).</summary>
internal static partial class Images
{
    // Not a static initialiser: a wrong setting is to be an error in plain words.
    private static readonly Lazy<ImageReader> Made = new(() => new ImageReader([.. Decoders()]));

    public static ImageReader Reader => Made.Value;

    private static List<IImageDecoder> Decoders()
    {
        List<IImageDecoder> decoders = [new PngDecoder(), new JpegDecoder(), new BmpDecoder(), new PnmDecoder()];
        AddFull(decoders);
        return decoders;
    }

    static partial void AddFull(List<IImageDecoder> decoders);
}
