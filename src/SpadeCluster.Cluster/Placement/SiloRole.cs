namespace SpadeCluster.Cluster.Placement;

/// <summary>What a silo does. A silo may have several roles; the roles stand in its metadata.</summary>
public static class SiloRole
{
    /// <summary>Answers clients: decodes, gates, merges. Holds no features.</summary>
    public const string Gateway = "gateway";

    /// <summary>Holds gallery shards, and writes galleries.</summary>
    public const string Gallery = "gallery";

    /// <summary>Turns images into features, on as many device slots as it has.</summary>
    public const string Extractor = "extractor";

    public static IReadOnlyList<string> All { get; } = [Gateway, Gallery, Extractor];
}
