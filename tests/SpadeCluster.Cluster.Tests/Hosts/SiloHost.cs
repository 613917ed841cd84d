using System.Diagnostics;
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

    public void Start() => _running = RunAsync();

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
