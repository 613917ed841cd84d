using System.Diagnostics;
using SpadeCluster.Cli.Silo;
using SpadeCluster.Cluster.Tests.Processes;

namespace SpadeCluster.Cluster.Tests.Hosts;

/// <summary>A silo on a host of its own. A process that ends is started again, as an orchestrator does it.</summary>
internal sealed class SiloHost(string name, byte host, IReadOnlyDictionary<string, string> settings, string log) : IAsyncDisposable
{
    private const int HealthPort = 8080;
    private static readonly TimeSpan BeforeRestart = TimeSpan.FromSeconds(1);

    private readonly CancellationTokenSource _stop = new();
    private readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(2) };
    private Dictionary<string, string> _extra = [];
    private Process? _process;
    private Task _running = Task.CompletedTask;
    private int _starts;

    public string Name => name;
    public byte Number => host;
    public int Restarts => _starts - 1;

    /// <summary>What it has printed.</summary>
    public string Log => File.ReadAllText(log);

    /// <summary>Processor time that its process has used.</summary>
    public TimeSpan ProcessorTime
    {
        get
        {
            _process!.Refresh();
            return _process.TotalProcessorTime;
        }
    }

    /// <summary>Settings of a silo whose members, galleries, keys and decisions are in PostgreSQL.</summary>
    /// <param name="folder">Of its certificate, which is made here, and its data.</param>
    public static Dictionary<string, string> OnPostgres(HostDatabase database, ClusterAuthority authority, string name, string roles,
        string folder)
    {
        string certificate = Path.Combine(folder, $"tls-{name}");
        authority.Issue(certificate, name);
        return new()
        {
            ["Spade:Roles"] = roles,
            ["Spade:Clustering"] = "PostgreSql",
            ["Spade:Store"] = "PostgreSql",
            ["Spade:ConnectionString"] = database.ConnectionString,
            ["Spade:TlsFolder"] = certificate,
            ["Spade:Http:DataFolder"] = Path.Combine(folder, $"data-{name}"),
            // The clients' connections are plain: TLS between client and gateway is not what these tests are about.
            ["Spade:Http:Insecure"] = "true",
            ["Spade:Cluster:Shards"] = "2",
            ["Spade:Cluster:Replicas"] = "2",
            ["Spade:Threads"] = "1",
        };
    }

    /// <summary>Starts it and waits until it is ready. Silos that start together on a small machine miss each other's probes.</summary>
    public async Task StartReadyAsync()
    {
        _running = RunAsync();
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        while (!await IsReadyAsync())
        {
            if (limit.IsCancellationRequested) throw new TimeoutException($"{name} should be ready; its log:\n{Log}");
            await Task.Delay(100);
        }
    }

    /// <summary>Whether it is an active member and says so.</summary>
    public async Task<bool> IsReadyAsync()
    {
        try
        {
            using var answer = await _http.GetAsync($"http://{HostNetwork.Address(host)}:{HealthPort}/health/ready");
            return answer.IsSuccessStatusCode;
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
        {
            return false;
        }
    }

    /// <summary>SIGKILL; it starts again with these settings in addition to its own.</summary>
    public void StartAgain(Dictionary<string, string> extra)
    {
        _extra = extra;
        _process?.Kill();
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        _http.Dispose();
        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            _starts++;
            using var process = _process = StartProcess();
            try
            {
                await process.WaitForExitAsync(_stop.Token);
                await Task.Delay(BeforeRestart, _stop.Token);
            }
            catch (OperationCanceledException)
            {
                if (!process.HasExited) process.Kill();
                await process.WaitForExitAsync();
            }
        }
    }

    private Process StartProcess()
    {
        // The shell and ip replace themselves, so that the process id is the silo's.
        var start = new ProcessStartInfo("/bin/sh", ["-c", "log=\"$1\"; shift; exec \"$@\" >>\"$log\" 2>&1 </dev/null", "sh", log,
            .. HostNetwork.On(host), "dotnet", RealSilos.Program, "silo"]);
        var all = new Dictionary<string, string>(settings)
        {
            ["Spade:Name"] = name,
            ["Spade:Address"] = HostNetwork.Address(host),
            ["Spade:SiloPort"] = "11111",
            ["Spade:GrpcPort"] = "5000",
            ["Spade:HealthPort"] = $"{HealthPort}",
            ["Logging:Console:FormatterOptions:TimestampFormat"] = "HH:mm:ss.fff ",
        };
        foreach (var (key, value) in _extra) all[key] = value;
        foreach (var (key, value) in all) start.Environment[key.Replace(":", "__", StringComparison.Ordinal)] = value;
        return Process.Start(start)!;
    }
}
