using System.ComponentModel.DataAnnotations;
using System.Net;
using Npgsql;
using SpadeCluster.Cluster.Placement;
using SpadeCluster.Server;

namespace SpadeCluster.Cli.Silo;

public enum ClusteringKind
{
    /// <summary>One machine, for development: the silo on <see cref="SiloOptions.PrimaryPort"/> keeps the list of members.</summary>
    Localhost,
    /// <summary>Members are kept in a PostgreSQL table.</summary>
    PostgreSql,
}

public enum StoreKind
{
    /// <summary>A folder that all silos share.</summary>
    Files,
    /// <summary>The database of the clustering.</summary>
    PostgreSql,
}

/// <summary>Section "Spade" of the configuration: appsettings.json, or environment variables such as Spade__Roles=gallery.</summary>
public sealed class SiloOptions
{
    public const string Section = "Spade";

    /// <summary>One or more of gateway, gallery, extractor, separated by commas.</summary>
    [Required]
    public string Roles { get; set; } = string.Join(',', SiloRole.All);

    /// <summary>Unique among the running silos; null: machine name and silo port.</summary>
    public string? Name { get; set; }

    [Required]
    public string ClusterId { get; set; } = "spade";

    public ClusteringKind Clustering { get; set; }

    public StoreKind Store { get; set; }

    /// <summary>PostgreSQL, for clustering, galleries, keys, audit log and decisions.</summary>
    public string? ConnectionString { get; set; }

    /// <summary>A file with the connection string, such as a mounted secret; unlike an environment variable it is not visible in lists of
    /// processes.</summary>
    public string? ConnectionStringFile { get; set; }

    /// <summary>Folder of the silos' certificates, in cert-manager's layout: tls.crt and tls.key of this silo, and ca.crt, the
    /// cluster's own authority. Silos then use TLS, and accept only certificates of that authority. Required beyond loopback.</summary>
    public string? TlsFolder { get; set; }

    /// <summary>Allows connections between silos without TLS beyond loopback: anybody on the network can then act as a silo.</summary>
    public bool Insecure { get; set; }

    /// <summary>Address at which other silos reach this one; null: POD_IP if it is set, else loopback for localhost clustering and the
    /// machine's address otherwise.</summary>
    public string? Address { get; set; }

    /// <summary>Port for connections between silos.</summary>
    [Range(1, 65535)]
    public int SiloPort { get; set; } = 11111;

    /// <summary>Port for Orleans clients, such as 'spade serve --cluster'; 0: none. Clients may do everything, and need a certificate like
    /// silos.</summary>
    [Range(0, 65535)]
    public int GatewayPort { get; set; }

    /// <summary>Silo port of the silo that keeps the list of members, with localhost clustering.</summary>
    [Range(1, 65535)]
    public int PrimaryPort { get; set; } = 11111;

    /// <summary>Port for gRPC on gateways; 0: any free port. With TLS if Spade:Http:Certificate names a certificate.</summary>
    [Range(0, 65535)]
    public int GrpcPort { get; set; } = 5000;

    /// <summary>Port for health checks (HTTP/1.1); 0: any free port.</summary>
    [Range(0, 65535)]
    public int HealthPort { get; set; } = 8080;

    /// <summary>Port for Prometheus, at /metrics (HTTP/1.1, without TLS and keys); 0: none. Who reaches it can read names of categories and
    /// counts of verdicts, so only the monitoring system should.</summary>
    [Range(0, 65535)]
    public int MetricsPort { get; set; }

    /// <summary>Addresses of the HTTP API and the console on a gateway, separated by commas; empty: none. Beyond loopback they
    /// need TLS and a key. Section Spade:Http has the other settings (ServerOptions).</summary>
    public string HttpUrls { get; set; } = "";

    /// <summary>Whether this silo collects data for Orleans' dashboard; the same for all silos. Gateways with an HTTP API then show it at
    /// /orleans to engineers.</summary>
    public bool OrleansDashboard { get; set; }

    /// <summary>Whether gRPC, health and metrics listen on loopback only.</summary>
    public bool LoopbackOnly { get; set; }

    /// <summary>Folder of the galleries if they are kept in files; the same for all silos.</summary>
    [Required]
    public string Galleries { get; set; } = "galleries";

    /// <summary>Folder of model folders, in addition to the built-in models.</summary>
    [Required]
    public string Models { get; set; } = "models";

    /// <summary>Built-in model or model folder for new categories; null: the built-in default.</summary>
    public string? DefaultModel { get; set; }

    /// <summary>Devices of an extractor silo, separated by commas, one extractor each: cpu (the processors), cuda:0, cuda:1 and
    /// so on. CUDA needs the GPU image (-p:Gpu=true).</summary>
    [Required]
    public string Devices { get; set; } = "cpu";

    /// <summary>Threads for one image; 0: its share of the processors.</summary>
    [Range(0, 1024)]
    public int Threads { get; set; }

    /// <summary>Interval of the probes between silos; three missed ones mean that a silo is lost. A shorter interval finds losses sooner,
    /// but also takes a silo with busy processors for lost.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:10:00")]
    public TimeSpan ProbeInterval { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>Time for requests in progress to end when this process is stopped.</summary>
    public TimeSpan DrainTime { get; set; } = TimeSpan.FromSeconds(20);

    public IReadOnlyList<string> RoleList => Roles.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    public IReadOnlyList<string> HttpUrlList => HttpUrls.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    public IReadOnlyList<string> DeviceList => Devices.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    private const string PodIp = "POD_IP";

    /// <summary>See <see cref="Address"/>.</summary>
    internal string? SiloAddress => Address ?? Environment.GetEnvironmentVariable(PodIp);

    public string SiloName => Name ?? $"{Environment.MachineName}-{SiloPort}";

    /// <summary>The connection string, completed by <see cref="DatabaseSettings"/>.</summary>
    internal string? DatabaseConnection => GivenConnection is { } given ? DatabaseSettings.Complete(given) : null;

    /// <summary>The connection string, from the setting or the file.</summary>
    private string? GivenConnection => ConnectionStringFile is { Length: > 0 } file ? Composition.Files.Text(file) : ConnectionString;

    /// <summary>The settings of a gateway's server: the given ones, completed by those of the silo.</summary>
    internal ServerOptions Server(ServerOptions http) => http with
    {
        Urls = HttpUrlList,
        GrpcUrls = [$"{(http.Certificate is null ? "http" : "https")}://{(LoopbackOnly ? "127.0.0.1" : "0.0.0.0")}:{GrpcPort}"],
        Database = Clustering == ClusteringKind.PostgreSql ? DatabaseConnection : null,
    };

    public bool Has(string role) => RoleList.Contains(role);

    /// <summary>Problems of the settings in combination, one sentence each; <see cref="SiloSettings"/> checks each setting.</summary>
    internal IEnumerable<string> Problems()
    {
        foreach (string role in RoleList.Where(r => !SiloRole.All.Contains(r)))
            yield return $"{Section}:Roles: '{role}' is not a role; choose from {string.Join(", ", SiloRole.All)}";
        if (RoleList.Count == 0) yield return $"{Section}:Roles is empty; choose from {string.Join(", ", SiloRole.All)}";
        if (DeviceList.Count == 0) yield return $"{Section}:Devices is empty; name at least one, such as cpu or cuda:0";
        foreach (string device in DeviceList.Where(d => !DeviceEngines.IsDevice(d)))
            yield return $"{Section}:Devices: '{device}' is not a device; choose cpu, cuda or cuda:N (N from 0)";
        if ((Clustering == ClusteringKind.PostgreSql || Store == StoreKind.PostgreSql) && ConnectionProblem() is { } problem)
            yield return $"{Section}:ConnectionString {problem}; PostgreSql needs one such as Host=db;Database=spade;Username=spade";
        if (SiloAddress is { } address && !IPAddress.TryParse(address, out _))
            yield return $"{(Address is null ? PodIp : $"{Section}:Address")} is '{address}', which is not an IP address such as "
                + $"10.0.0.7; names are not resolved";
        if (TlsFolder is null && !Insecure && !IsLoopback)
            yield return $"{Section}:TlsFolder is missing: this silo can be reached from other machines; name the folder of its "
                + $"certificate, or set {Section}:Insecure=true if the network is trusted";
        if (SiloName.Contains('@')) yield return $"{Section}:Name '{SiloName}' must not hold '@'";
    }

    /// <summary>With localhost clustering silos listen on loopback, otherwise on their own address.</summary>
    private bool IsLoopback => Clustering == ClusteringKind.Localhost
        || (IPAddress.TryParse(SiloAddress, out var address) && IPAddress.IsLoopback(address));

    private string? ConnectionProblem()
    {
        try
        {
            string? connection = GivenConnection;
            if (string.IsNullOrWhiteSpace(connection)) return "is missing";
            return new NpgsqlConnectionStringBuilder(connection).Host is null ? "names no Host" : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"cannot be read from {Section}:ConnectionStringFile '{ConnectionStringFile}' ({e.Message})";
        }
        catch (Exception e) when (e is ArgumentException or FormatException)
        {
            // The message names the keyword, never a value, which may be a password.
            return $"is not valid for PostgreSQL's driver ({e.Message.ReplaceLineEndings(" ")})";
        }
    }
}
