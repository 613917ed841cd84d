using System.ComponentModel.DataAnnotations;

namespace SpadeCluster.Server.Grpc;

/// <summary>Limits of single gRPC calls.</summary>
public sealed class GrpcOptions
{
    /// <summary>Largest image in bytes, in one message or in chunks.</summary>
    [Range(1024, 512 << 20)]
    public int MaxImageBytes { get; set; } = 64 << 20;

    /// <summary>Images of one stream in progress at a time.</summary>
    [Range(1, 1024)]
    public int StreamConcurrency { get; set; } = 8;

    /// <summary>Streams that one caller may have open at a time, watchers included; each holds at most 256 KB of unread bytes.</summary>
    [Range(1, 1_000_000)]
    public int StreamsPerCaller { get; set; } = 128;

    /// <summary>Time limit of calls without a deadline, and of the wait for the next chunk of an image.</summary>
    public TimeSpan DefaultDeadline { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Largest message: an image and its other fields.</summary>
    internal int MaxMessageBytes => MaxImageBytes + (64 << 10);
}
