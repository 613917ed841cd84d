using System.ComponentModel.DataAnnotations;
using SpadeCluster.Galleries;

namespace SpadeCluster.Cluster;

/// <summary>How galleries are spread over silos and held in memory; the same on every silo.</summary>
public sealed class GalleryOptions
{
    /// <summary>Shards of a new category. Existing ones keep theirs until they are resharded.</summary>
    [Range(1, 1024)]
    public int Shards { get; set; } = 1;

    /// <summary>Gallery silos that hold each shard, where there are so many. Two survive the loss of one without a pause.</summary>
    [Range(1, 16)]
    public int Replicas { get; set; } = 1;

    /// <summary>Bytes one shard may take: pooled features, level data, and what a search works in. It takes more only where it
    /// cannot be searched with so few.</summary>
    [Range(1L << 20, long.MaxValue)]
    public long ShardMemory { get; set; } = GalleryShard.DefaultMemory;

    /// <summary>Bytes that all shards of a silo may take together: those used least recently make room for others.</summary>
    [Range(1L << 20, long.MaxValue)]
    public long Memory { get; set; } = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 2;

    /// <summary>Threads one pixel search may use; 0: all processors.</summary>
    [Range(0, 1024)]
    public int Threads { get; set; }
}
