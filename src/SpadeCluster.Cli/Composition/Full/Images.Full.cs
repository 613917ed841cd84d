using SpadeCluster.Imaging;
using SpadeCluster.Imaging.ImageSharp;

namespace SpadeCluster.Cli.Composition;

internal static partial class Images
{
    static partial void UseFull(ref ImageReader reader) => reader = ImageFormats.Reader;
}
