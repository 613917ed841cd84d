using System.ComponentModel.DataAnnotations;

namespace SpadeCluster.Cluster.Extraction;

/// <summary>Settings of one device slot's extractor.</summary>
public sealed class ExtractorOptions
{
    /// <summary>Images that may wait; more are refused with ResourceExhausted.</summary>
    [Range(1, 100_000)]
    public int QueueLength { get; set; } = 64;

    /// <summary>What refused callers are told to wait.</summary>
    public TimeSpan RetryAfter { get; set; } = TimeSpan.FromMilliseconds(200);

    /// <summary>Images computed together at most.</summary>
    [Range(1, 1024)]
    public int MaxBatch { get; set; } = 8;

    /// <summary>How long a batch that is not full waits for more. 0: takes what is there, which suits CPUs.</summary>
    public TimeSpan BatchWait { get; set; } = TimeSpan.Zero;

    /// <summary>Memory for pyramids that wait to be fetched; the oldest give way.</summary>
    [Range(1L, long.MaxValue)]
    public long LeaseBytes { get; set; } = 256L << 20;

    /// <summary>How long a pyramid waits to be fetched.</summary>
    public TimeSpan LeaseTime { get; set; } = TimeSpan.FromSeconds(10);
}
