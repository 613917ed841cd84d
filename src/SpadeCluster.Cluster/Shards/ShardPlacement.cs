using System.IO.Hashing;
using System.Text;
using SpadeCluster.Cluster.Placement;

namespace SpadeCluster.Cluster.Shards;

/// <summary>Rendezvous hashing of shards onto silos: replica r of a shard is on the r-th silo of its ranking. If a silo is added or
/// removed, only the shards on it move.</summary>
internal static class ShardPlacement
{
    public static IReadOnlyList<KnownSilo> Rank(string category, int shard, IReadOnlyList<KnownSilo> silos)
        => [.. silos.OrderByDescending(s => XxHash3.HashToUInt64(Encoding.UTF8.GetBytes($"{category}/{shard}@{s.Name}")))
            .ThenBy(s => s.Name, StringComparer.Ordinal)];
}
