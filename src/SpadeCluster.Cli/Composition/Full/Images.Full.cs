using SpadeCluster.Imaging;
using SpadeCluster.Imaging.ImageSharp;

namespace SpadeCluster.Cli.Composition;

internal static partial class Images
{
    static partial void AddFull(List<IImageDecoder> decoders) => decoders.Add(new ImageSharpDecoder());
}
