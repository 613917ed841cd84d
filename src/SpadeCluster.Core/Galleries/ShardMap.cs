namespace SpadeCluster.Galleries;

/// <summary>Assigns images to shards by rendezvous hashing: adding a shard moves only the images that the new shard takes.</summary>
public static class ShardMap
{
    public static int ShardOf(ImageId id, int shards)
    {
        int best = 0;
        ulong bestWeight = 0;
        for (int s = 0; s < shards; s++)
        {
            ulong weight = Mix(id.Value ^ Mix((ulong)s + 1));
            if (s == 0 || weight > bestWeight) (best, bestWeight) = (s, weight);
        }
        return best;
    }

    /// <summary>SplitMix64's finaliser (Steele et al. 2014): every input bit reaches every output bit.</summary>
    internal static ulong Mix(ulong x)
    {
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
        return x ^ (x >> 31);
    }
}
