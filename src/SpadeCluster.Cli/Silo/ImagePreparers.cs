using System.Collections.Concurrent;
using SpadeCluster.Features;
using SpadeCluster.Cluster.Extraction;
using SpadeCluster.Imaging;

namespace SpadeCluster.Cli.Silo;

/// <summary>Image preparers by the description of their geometry.</summary>
internal sealed class ImagePreparers : IImagePreparers
{
    private readonly ConcurrentDictionary<string, IImagePreparer> _preparers = new(StringComparer.Ordinal);

    public IImagePreparer For(string preprocessing) =>
        _preparers.GetOrAdd(preprocessing, p => new ImagePreparer(Preprocessing.Parse(p), ImageReader.Default));
}
