using System.ComponentModel.DataAnnotations;

namespace SpadeCluster.Cluster.Extraction;

/// <summary>Settings of one device slot's extractor.</summary>
public sealed class ExtractorOptions
{
    /// <summary>Highest number of waiting images; more are refused with ResourceExhausted.</summary>
    [Range(1, 100_000)]
    public int QueueLength { get; set; } = 64;

    /// <summary>Time after which refused callers should try again.</summary>
    public TimeSpan RetryAfter { get; set; } = TimeSpan.FromMilliseconds(200);

    /// <summary>Highest number of images that are computed together.</summary>
    [Range(1, 1024)]
    public int MaxBatch { get; set; } = 8;

    /// <summary>How long an incomplete batch waits for more images. 0: it does not wait, which suits CPUs.</summary>
    public TimeSpan BatchWait { get; set; } = TimeSpan.Zero;

    /// <summary>Memory for pyramids that wait to be fetched; the oldest are dropped.</summary>
    [Range(1L, long.MaxValue)]
    public long LeaseBytes { get; set; } = 256L << 20;

    /// <summary>How long a pyramid waits to be fetched.</summary>
    public TimeSpan LeaseTime { get; set; } = TimeSpan.FromSeconds(10);
}
