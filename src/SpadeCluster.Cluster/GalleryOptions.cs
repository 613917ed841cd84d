using System.ComponentModel.DataAnnotations;
using SpadeCluster.Galleries;

namespace SpadeCluster.Cluster;

/// <summary>How galleries are divided and kept in memory; must be the same on every silo.</summary>
public sealed class GalleryOptions
{
    /// <summary>Shards of a new category. Existing categories keep theirs until they are resharded.</summary>
    [Range(1, 1024)]
    public int Shards { get; set; } = 1;

    /// <summary>Number of gallery silos that hold each shard, if there are as many. With two, the loss of one causes no pause.</summary>
    [Range(1, 16)]
    public int Replicas { get; set; } = 1;

    /// <summary>Calls in progress for each replica of a shard, on average over some seconds, above which one more gallery silo holds the
    /// shard; 0: never.</summary>
    [Range(0.0, 1_000_000.0)]
    public double CallsPerReplica { get; set; } = 4;

    /// <summary>Memory limit of a shard in bytes: pooled features, level data and a search's working memory. A shard that cannot be
    /// searched within it takes more.</summary>
    [Range(1L << 20, long.MaxValue)]
    public long ShardMemory { get; set; } = GalleryShard.DefaultMemory;

    /// <summary>Memory limit of all shards of a silo in bytes: the least recently used ones are closed.</summary>
    [Range(1L << 20, long.MaxValue)]
    public long Memory { get; set; } = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 2;

    /// <summary>Days for which a deleted category can be restored; afterwards its data is removed.</summary>
    [Range(0.0, 36_500.0)]
    public double KeepDeletedDays { get; set; } = Deletion.DefaultKeep.TotalDays;

    /// <summary>Threads of a pixel search; 0: its share of the processors (all of them while nothing else runs).</summary>
    [Range(0, 1024)]
    public int Threads { get; set; }
}
