using System.ComponentModel.DataAnnotations;

namespace SpadeCluster.Server.Admission;

/// <summary>Limits of the work of a server at a time, over HTTP and gRPC together.</summary>
public sealed class AdmissionOptions
{
    /// <summary>Images scored at once. Their stages are limited to one for each processor; with more images than processors, none idles
    /// while an image changes from one stage to the next.</summary>
    [Range(1, 1024)]
    public int Slots { get; set; } = SlotsPerProcessor * Environment.ProcessorCount;

    public const int SlotsPerProcessor = 2;

    /// <summary>Images in progress at a time, including those that wait for a slot; further requests are refused, and streams wait. Streams
    /// have at most half.</summary>
    [Range(1, 1_000_000)]
    public int MaxRequests { get; set; } = 64;

    /// <summary>Bytes of images in progress at a time, including chunks of unfinished ones. Streams have at most half.</summary>
    [Range(1024, long.MaxValue)]
    public long MaxBytes { get; set; } = 256L << 20;

    /// <summary>Time after which refused callers should try again.</summary>
    public TimeSpan RetryAfter { get; set; } = TimeSpan.FromMilliseconds(200);
}
