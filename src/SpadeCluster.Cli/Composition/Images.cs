using SpadeCluster.Imaging;

namespace SpadeCluster.Cli.Composition;

/// <summary>How this build reads images: Imaging's own decoders, in the full build ImageSharp before them (Full/).</summary>
internal static partial class Images
{
    public static ImageReader Reader
    {
        get
        {
            var reader = ImageReader.Default;
            UseFull(ref reader);
            return reader;
        }
    }

    static partial void UseFull(ref ImageReader reader);
}
