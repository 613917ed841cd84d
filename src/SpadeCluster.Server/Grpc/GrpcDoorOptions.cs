using System.ComponentModel.DataAnnotations;

namespace SpadeCluster.Server.Grpc;

/// <summary>Limits of a gateway's gRPC door.</summary>
public sealed class GrpcDoorOptions
{
    /// <summary>Largest image accepted, in bytes, in one message or in chunks.</summary>
    [Range(1024, 512 << 20)]
    public int MaxImageBytes { get; set; } = 64 << 20;

    /// <summary>Images in work at a time; further unary calls are refused, streams wait. Streams have at most half.</summary>
    [Range(1, 1_000_000)]
    public int MaxRequests { get; set; } = 64;

    /// <summary>Bytes of messages of images in work at a time, chunks of unfinished ones included. Streams have at most half.</summary>
    [Range(1024, long.MaxValue)]
    public long MaxBytes { get; set; } = 256L << 20;

    /// <summary>Images of one stream in work at a time.</summary>
    [Range(1, 1024)]
    public int StreamConcurrency { get; set; } = 8;

    /// <summary>What refused callers are told to wait.</summary>
    public TimeSpan RetryAfter { get; set; } = TimeSpan.FromMilliseconds(200);

    /// <summary>Limit of calls that set no deadline, and of the wait for the next chunk of an image.</summary>
    public TimeSpan DefaultDeadline { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>An image, and room for what stands around it in its message.</summary>
    internal int MaxMessageBytes => MaxImageBytes + (64 << 10);
}
