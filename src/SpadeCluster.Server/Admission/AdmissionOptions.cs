using System.ComponentModel.DataAnnotations;

namespace SpadeCluster.Server.Admission;

/// <summary>How much work a server takes at a time, over HTTP and gRPC together.</summary>
public sealed class AdmissionOptions
{
    /// <summary>Images scored at once.</summary>
    [Range(1, 1024)]
    public int Slots { get; set; } = Environment.ProcessorCount;

    /// <summary>Images in work at a time, those that wait for a slot included; further requests are refused, streams wait. Streams
    /// have at most half.</summary>
    [Range(1, 1_000_000)]
    public int MaxRequests { get; set; } = 64;

    /// <summary>Bytes of images in work at a time, chunks of unfinished ones included. Streams have at most half.</summary>
    [Range(1024, long.MaxValue)]
    public long MaxBytes { get; set; } = 256L << 20;

    /// <summary>What refused callers are told to wait.</summary>
    public TimeSpan RetryAfter { get; set; } = TimeSpan.FromMilliseconds(200);
}
