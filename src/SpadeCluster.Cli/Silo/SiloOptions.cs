using System.ComponentModel.DataAnnotations;
using System.Net;
using Npgsql;
using SpadeCluster.Cluster.Placement;
using SpadeCluster.Server;

namespace SpadeCluster.Cli.Silo;

public enum ClusteringKind
{
    /// <summary>One machine, for development: the silo on <see cref="SiloOptions.PrimaryPort"/> knows the members.</summary>
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

    /// <summary>Out of gateway, gallery, extractor, separated by commas.</summary>
    [Required]
    public string Roles { get; set; } = string.Join(',', SiloRole.All);

    /// <summary>Unique among the silos that are up; null: machine name and silo port.</summary>
    public string? Name { get; set; }

    [Required]
    public string ClusterId { get; set; } = "spade";

    public ClusteringKind Clustering { get; set; }

    public StoreKind Store { get; set; }

    /// <summary>PostgreSQL, for clustering, galleries, keys, audit log and decisions.</summary>
    public string? ConnectionString { get; set; }

    /// <summary>The same in a file, such as a mounted secret, where no list of processes or environment shows it.</summary>
    public string? ConnectionStringFile { get; set; }

    /// <summary>Folder of the silos' certificates, as cert-manager lays them out: tls.crt and tls.key of this silo, and ca.crt, the
    /// cluster's own authority. Silos then talk by TLS, and only with silos whose certificate that authority has signed. Needed
    /// beyond loopback.</summary>
    public string? TlsFolder { get; set; }

    /// <summary>Allows silos to talk without TLS beyond loopback: anybody on the network is then a silo.</summary>
    public bool Insecure { get; set; }

    /// <summary>Address other silos reach this one at; null: POD_IP where it is set, else loopback for localhost clustering and
    /// the machine's address otherwise.</summary>
    public string? Address { get; set; }

    /// <summary>Silo to silo.</summary>
    [Range(1, 65535)]
    public int SiloPort { get; set; } = 11111;

    /// <summary>Orleans clients to this silo, such as 'spade serve --cluster'; 0: none. They may do everything, and show a
    /// certificate as silos do.</summary>
    [Range(0, 65535)]
    public int GatewayPort { get; set; }

    /// <summary>Silo port of the silo that knows the members, with localhost clustering.</summary>
    [Range(1, 65535)]
    public int PrimaryPort { get; set; } = 11111;

    /// <summary>gRPC, for gateways; 0: any free one. With TLS where Spade:Http:Certificate names a certificate.</summary>
    [Range(0, 65535)]
    public int GrpcPort { get; set; } = 5000;

    /// <summary>HTTP/1.1 for health checks; 0: any free one.</summary>
    [Range(0, 65535)]
    public int HealthPort { get; set; } = 8080;

    /// <summary>Addresses of the HTTP API and the console on a gateway, separated by commas; empty: none. Beyond loopback they
    /// need TLS and a key. Section Spade:Http has the other settings (ServerOptions).</summary>
    public string HttpUrls { get; set; } = "";

    /// <summary>Whether gRPC and health listen on loopback only.</summary>
    public bool LoopbackOnly { get; set; }

    /// <summary>Folder of the galleries, the same for all silos, where they are kept in files.</summary>
    [Required]
    public string Galleries { get; set; } = "galleries";

    /// <summary>Folder of model folders, beside the built-in models.</summary>
    [Required]
    public string Models { get; set; } = "models";

    /// <summary>Built-in model or model folder for new categories; null: the built-in default.</summary>
    public string? DefaultModel { get; set; }

    /// <summary>Devices of an extractor silo, separated by commas, one extractor each: cpu (the processors), cuda:0, cuda:1 and
    /// so on. CUDA needs the GPU image (-p:Gpu=true).</summary>
    [Required]
    public string Devices { get; set; } = "cpu";

    /// <summary>Threads for one image; 0: all processors.</summary>
    [Range(0, 1024)]
    public int Threads { get; set; }

    /// <summary>Interval of the probes by which silos notice that another one is lost; three missed ones count. Shorter finds
    /// losses sooner, and takes a silo whose processors are all busy for lost sooner.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:10:00")]
    public TimeSpan ProbeInterval { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>How long requests in work may take to end when this process is asked to stop.</summary>
    public TimeSpan DrainTime { get; set; } = TimeSpan.FromSeconds(20);

    public IReadOnlyList<string> RoleList => Roles.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    public IReadOnlyList<string> HttpUrlList => HttpUrls.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    public IReadOnlyList<string> DeviceList => Devices.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    private const string PodIp = "POD_IP";

    /// <summary>See <see cref="Address"/>.</summary>
    internal string? SiloAddress => Address ?? Environment.GetEnvironmentVariable(PodIp);

    public string SiloName => Name ?? $"{Environment.MachineName}-{SiloPort}";

    /// <summary>The connection string, from wherever it stands.</summary>
    internal string? DatabaseConnection => ConnectionStringFile is { Length: > 0 } file ? Composition.Files.Text(file) : ConnectionString;

    /// <summary>A gateway's server: the given settings, and what the silo's own say.</summary>
    internal ServerOptions Server(ServerOptions http) => http with
    {
        Urls = HttpUrlList,
        GrpcUrls = [$"{(http.Certificate is null ? "http" : "https")}://{(LoopbackOnly ? "127.0.0.1" : "0.0.0.0")}:{GrpcPort}"],
        Database = Clustering == ClusteringKind.PostgreSql ? DatabaseConnection : null,
    };

    public bool Has(string role) => RoleList.Contains(role);

    /// <summary>What is wrong with these settings together, one sentence each; <see cref="SiloSettings"/> looks at each by
    /// itself.</summary>
    internal IEnumerable<string> Problems()
    {
        foreach (string role in RoleList.Where(r => !SiloRole.All.Contains(r)))
            yield return $"{Section}:Roles: '{role}' is no role; choose out of {string.Join(", ", SiloRole.All)}";
        if (RoleList.Count == 0) yield return $"{Section}:Roles is empty; choose out of {string.Join(", ", SiloRole.All)}";
        if (DeviceList.Count == 0) yield return $"{Section}:Devices is empty; name at least one, such as cpu or cuda:0";
        foreach (string device in DeviceList.Where(d => !DeviceEngines.IsDevice(d)))
            yield return $"{Section}:Devices: '{device}' is no device; cpu, cuda and cuda:N (N from 0) are";
        if ((Clustering == ClusteringKind.PostgreSql || Store == StoreKind.PostgreSql) && ConnectionProblem() is { } problem)
            yield return $"{Section}:ConnectionString {problem}; PostgreSql needs one such as Host=db;Database=spade;Username=spade";
        if (SiloAddress is { } address && !IPAddress.TryParse(address, out _))
            yield return $"{(Address is null ? PodIp : $"{Section}:Address")} is '{address}', which is not an IP address such as "
                + $"10.0.0.7; names are not looked up";
        if (TlsFolder is null && !Insecure && !IsLoopback)
            yield return $"{Section}:TlsFolder is missing: this silo can be reached from other machines; name the folder of its "
                + $"certificate, or set {Section}:Insecure=true if the network is trusted";
        if (SiloName.Contains('@')) yield return $"{Section}:Name '{SiloName}' must not hold '@'";
    }

    /// <summary>With localhost clustering silos listen on loopback; else on the address where they are reached.</summary>
    private bool IsLoopback => Clustering == ClusteringKind.Localhost
        || (IPAddress.TryParse(SiloAddress, out var address) && IPAddress.IsLoopback(address));

    private string? ConnectionProblem()
    {
        try
        {
            string? connection = DatabaseConnection;
            if (string.IsNullOrWhiteSpace(connection)) return "is missing";
            return new NpgsqlConnectionStringBuilder(connection).Host is null ? "names no Host" : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"cannot be read from {Section}:ConnectionStringFile '{ConnectionStringFile}' ({e.Message})";
        }
        catch (Exception e) when (e is ArgumentException or FormatException)
        {
            // Its message names the word, never a value: there may be a password among them.
            return $"is not one that PostgreSQL's driver understands ({e.Message.ReplaceLineEndings(" ")})";
        }
    }
}
