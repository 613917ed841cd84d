using System.ComponentModel.DataAnnotations;

namespace SpadeCluster.Cluster;

/// <summary>Settings of the cluster as a whole; the same on every silo.</summary>
public sealed class ClusterOptions
{
    /// <summary>Shards of a new category. Existing ones keep theirs until they are resharded.</summary>
    [Range(1, 1024)]
    public int Shards { get; set; } = 1;

    /// <summary>Gallery silos that hold each shard, where there are so many. Two survive the loss of one without a pause.</summary>
    [Range(1, 16)]
    public int Replicas { get; set; } = 1;

    /// <summary>Bytes one shard may take: pooled features, level data, and what a search works in.</summary>
    [Range(1L << 20, long.MaxValue)]
    public long ShardMemory { get; set; } = SpadeCluster.Galleries.GalleryShard.DefaultMemory;

    /// <summary>Threads one pixel search may use; 0: all processors.</summary>
    [Range(0, 1024)]
    public int Threads { get; set; }
}
