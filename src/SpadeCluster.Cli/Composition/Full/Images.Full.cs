using SpadeCluster.Imaging;
using SpadeCluster.Imaging.ImageSharp;

namespace SpadeCluster.Cli.Composition;

internal static partial class Images
{
    private const string Setting = "SPADE_IMAGE_DECODER";

    /// <summary>Behind our own decoders: TIFF and WebP. In front of them and for every format where it is asked for, to compare.</summary>
    static partial void AddFull(List<IImageDecoder> decoders)
    {
        switch (Environment.GetEnvironmentVariable(Setting))
        {
            case null or "" or "own":
                decoders.Add(new ImageSharpDecoder());
                break;
            case "imagesharp":
                decoders.Insert(0, new ImageSharpDecoder(everyFormat: true));
                break;
            case var other:
                throw new SpadeException(SpadeError.InvalidArgument, $"{Setting} is '{other}'; it can be 'own' or 'imagesharp'");
        }
    }
}
