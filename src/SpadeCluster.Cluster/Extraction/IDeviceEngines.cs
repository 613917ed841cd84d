using SpadeCluster.Features;

namespace SpadeCluster.Cluster.Extraction;

/// <summary>The engines of an extractor silo's devices.</summary>
public interface IDeviceEngines
{
    /// <param name="slot">0 to the silo's number of slots - 1.</param>
    IFeatureEngines On(int slot);

    /// <summary>Models that new categories can be built with.</summary>
    IReadOnlyList<FeatureModel> Models { get; }

    /// <summary>Health of every open extractor, by device.</summary>
    IEnumerable<ExtractorHealth> Health { get; }
}
