using System.Collections.Concurrent;
using SpadeCluster.Features;
using SpadeCluster.Grains.Extraction;
using SpadeCluster.Imaging;
using SpadeCluster.Imaging.ImageSharp;

namespace SpadeCluster.Silo.Hosting;

/// <summary>Decoding, every format of the full build, and geometry by its description.</summary>
internal sealed class ImagePreparers : IImagePreparers
{
    private readonly ConcurrentDictionary<string, IImagePreparer> _preparers = new(StringComparer.Ordinal);

    public IImagePreparer For(string preprocessing) => _preparers.GetOrAdd(preprocessing, p => new ImagePreparer(Preprocessing.Parse(p), ImageFormats.Reader));
}
