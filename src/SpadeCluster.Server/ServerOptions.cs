using System.ComponentModel.DataAnnotations;

namespace SpadeCluster.Server;

/// <summary>Which decisions keep their photograph and map.</summary>
public enum KeepPictures
{
    All,
    /// <summary>Only defects, those to review, and those without a verdict.</summary>
    Flagged,
    None,
}

/// <summary>What a server is started with.</summary>
public sealed record ServerOptions
{
    public const string DefaultUrl = "http://127.0.0.1:5080";

    /// <summary>Addresses to listen on. Anything but loopback needs TLS or <see cref="Insecure"/>, and a key.</summary>
    public IReadOnlyList<string> Urls { get; init; } = [DefaultUrl];

    /// <summary>Further addresses for gRPC. Without TLS an address speaks one version of HTTP only; https addresses of
    /// <see cref="Urls"/> take gRPC too.</summary>
    public IReadOnlyList<string> GrpcUrls { get; init; } = [];

    /// <summary>Where decisions, keys and the audit log live.</summary>
    public string DataFolder { get; init; } = "server-data";

    /// <summary>PEM files for https addresses.</summary>
    public string? Certificate { get; init; }
    public string? CertificateKey { get; init; }

    /// <summary>Allows plain HTTP beyond loopback: whoever listens on the network reads keys and photographs.</summary>
    public bool Insecure { get; init; }

    /// <summary>Names by which clients may call the server; a browser that was lured to it by another name is refused.</summary>
    public IReadOnlyList<string> Hosts { get; init; } = [];

    /// <summary>Largest request body, which is read into one array.</summary>
    [Range(1024L, int.MaxValue)]
    public long MaxBodyBytes { get; init; } = 64L << 20;

    /// <summary>Images of one batch request.</summary>
    [Range(1, 100_000)]
    public int MaxBatch { get; init; } = 256;

    /// <summary>Requests per second and caller, on average.</summary>
    [Range(1, 1_000_000)]
    public int RequestsPerSecond { get; init; } = 1000;

    public KeepPictures Keep { get; init; } = KeepPictures.All;

    /// <summary>Bytes of photographs and maps kept, the newest; decisions themselves stay <see cref="KeepDays"/>.</summary>
    [Range(0L, long.MaxValue)]
    public long KeepBytes { get; init; } = 4L << 30;

    [Range(1, 36_500)]
    public int KeepDays { get; init; } = 90;
}
