using System.IO.Hashing;
using System.Text;
using SpadeCluster.Cluster.Placement;

namespace SpadeCluster.Cluster.Shards;

/// <summary>Rendezvous hashing of shards onto silos: replica r of a shard lives on the r-th silo of its ranking. A silo that
/// comes or goes moves only the shards it takes or leaves.</summary>
internal static class ShardPlacement
{
    public static IReadOnlyList<KnownSilo> Rank(string category, int shard, IReadOnlyList<KnownSilo> silos)
        => [.. silos.OrderByDescending(s => XxHash3.HashToUInt64(Encoding.UTF8.GetBytes($"{category}/{shard}@{s.Name}")))
            .ThenBy(s => s.Name, StringComparer.Ordinal)];
}
