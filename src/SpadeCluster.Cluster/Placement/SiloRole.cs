namespace SpadeCluster.Cluster.Placement;

/// <summary>Roles of silos. A silo may have several.</summary>
public static class SiloRole
{
    /// <summary>Serves clients: decodes images, applies the gate and merges results.</summary>
    public const string Gateway = "gateway";

    /// <summary>Holds and searches gallery shards.</summary>
    public const string Gallery = "gallery";

    /// <summary>Computes features of images on its device slots.</summary>
    public const string Extractor = "extractor";

    public static IReadOnlyList<string> All { get; } = [Gateway, Gallery, Extractor];
}
