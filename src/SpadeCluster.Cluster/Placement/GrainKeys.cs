using System.Globalization;
using SpadeCluster.Cluster.Shards;

namespace SpadeCluster.Cluster.Placement;

/// <summary>
/// Keys of grains that belong on a certain silo end in "@silo": the caller chooses the silo, and the placement filter follows the key. If
/// that silo is lost, callers choose another one, which is another grain. So replicas of a shard are always on different silos, and
/// extractor grains on the silo of their device.
/// </summary>
internal static class GrainKeys
{
    /// <summary>category/shard.count@silo; category names contain neither '/' nor '@'.</summary>
    public static string Shard(string category, int shard, int count, string silo)
        => string.Create(CultureInfo.InvariantCulture, $"{category}/{shard}.{count}@{silo}");

    public static ShardKey ParseShard(string key)
    {
        int slash = key.IndexOf('/'), dot = key.IndexOf('.', slash), at = key.IndexOf('@', slash);
        return new ShardKey(key[..slash], int.Parse(key[(slash + 1)..dot], CultureInfo.InvariantCulture),
            int.Parse(key[(dot + 1)..at], CultureInfo.InvariantCulture));
    }

    /// <summary>slot@silo.</summary>
    public static string Extractor(int slot, string silo) => string.Create(CultureInfo.InvariantCulture, $"{slot}@{silo}");

    public static int ParseSlot(string key) => int.Parse(key[..key.IndexOf('@')], CultureInfo.InvariantCulture);

    /// <summary>The silo in a key; null if it names none.</summary>
    public static string? SiloOf(string key) => key.IndexOf('@') is >= 0 and int at ? key[(at + 1)..] : null;
}
