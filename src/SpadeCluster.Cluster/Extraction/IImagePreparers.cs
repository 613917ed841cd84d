using SpadeCluster.Features;

namespace SpadeCluster.Cluster.Extraction;

/// <summary>Decoding and preparation on gateways, which have no models.</summary>
public interface IImagePreparers
{
    /// <param name="preprocessing">A gallery's <see cref="IImagePreparer.Description"/>.</param>
    IImagePreparer For(string preprocessing);
}
