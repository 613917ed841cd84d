using SpadeCluster.Features;

namespace SpadeCluster.Cluster.Extraction;

/// <summary>Decoding and geometry at the gateway, which has no model at hand.</summary>
public interface IImagePreparers
{
    /// <param name="preprocessing">A gallery's <see cref="IImagePreparer.Description"/>.</param>
    IImagePreparer For(string preprocessing);
}
