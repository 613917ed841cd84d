using System.ComponentModel.DataAnnotations;

namespace SpadeCluster.Server;

/// <summary>Which decisions keep their photograph and map.</summary>
public enum KeepPictures
{
    All,
    /// <summary>Only defects, parts to review, and parts without a verdict.</summary>
    Flagged,
    None,
}

/// <summary>Settings of a server.</summary>
public sealed record ServerOptions
{
    public const string DefaultUrl = "http://127.0.0.1:5080";

    /// <summary>Addresses to listen on. Anything but loopback needs TLS or <see cref="Insecure"/>, and a key.</summary>
    public IReadOnlyList<string> Urls { get; init; } = [DefaultUrl];

    /// <summary>Further addresses for gRPC. Without TLS an address supports only one version of HTTP; https addresses of <see cref="Urls"/>
    /// also serve gRPC.</summary>
    public IReadOnlyList<string> GrpcUrls { get; init; } = [];

    /// <summary>Folder of decisions, keys and the audit log, unless <see cref="Database"/> is set.</summary>
    public string DataFolder { get; init; } = "server-data";

    /// <summary>PostgreSQL connection string of the database for decisions, keys and the audit log, which other servers may share. Null:
    /// the file server.db in the folder.</summary>
    public string? Database { get; init; }

    /// <summary>PEM files for https addresses.</summary>
    public string? Certificate { get; init; }
    public string? CertificateKey { get; init; }

    /// <summary>Allows plain HTTP beyond loopback: anybody on the network can read keys and photographs.</summary>
    public bool Insecure { get; init; }

    /// <summary>Further host names that requests may use; others are refused, against DNS rebinding.</summary>
    public IReadOnlyList<string> Hosts { get; init; } = [];

    /// <summary>Addresses or networks of the proxies in front of the server. Only their X-Forwarded headers are trusted.</summary>
    public IReadOnlyList<string> Proxies { get; init; } = [];

    /// <summary>Issuer of an OpenID Connect provider where people may sign in to the console, in addition to keys; null: keys
    /// only.</summary>
    public string? OpenIdAuthority { get; init; }

    /// <summary>The server's client id at the provider, and the file of its secret; null: a public client, which has none.</summary>
    public string? OpenIdClient { get; init; }
    public string? OpenIdSecretFile { get; init; }

    /// <summary>The claim whose values give a person's role: spade:ROLE or spade:ROLE:CATEGORY.</summary>
    public string OpenIdClaim { get; init; } = "roles";

    /// <summary>JSON file of the destinations that every decision is delivered to: webhooks and MQTT brokers; null: none.</summary>
    public string? Deliveries { get; init; }

    /// <summary>Connections from one address (for IPv6: from one /64 network); configured proxies have no limit.</summary>
    [Range(1, 1_000_000)]
    public int ConnectionsPerAddress { get; init; } = 256;

    /// <summary>Connections in all.</summary>
    [Range(1, 1_000_000)]
    public int MaxConnections { get; init; } = 4096;

    /// <summary>Free bytes below which the disk is reported as nearly full; below <see cref="MaxBodyBytes"/> the server is not
    /// ready.</summary>
    [Range(0L, long.MaxValue)]
    public long DiskHeadroom { get; init; } = 1L << 30;

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

    /// <summary>Limit of the photographs and maps kept, in bytes; the newest are kept. Decisions are kept for <see
    /// cref="KeepDays"/>.</summary>
    [Range(0L, long.MaxValue)]
    public long KeepBytes { get; init; } = 4L << 30;

    [Range(1, 36_500)]
    public int KeepDays { get; init; } = 90;
}
