using System.Diagnostics;
using System.Globalization;
using SpadeCluster.Cluster;

namespace SpadeCluster.Cli.Commands.Cluster;

/// <summary>One silo as a process on this machine, on loopback.</summary>
internal sealed record SiloProcess(string Name, string Roles, int SiloPort, int GrpcPort, int HealthPort)
{
    private const int LogLines = 40;

    /// <summary>Long enough for a machine with busy processors.</summary>
    private static readonly TimeSpan ReadyTime = TimeSpan.FromMinutes(3);

    public static SiloProcess New(string name, string roles) =>
        new(name, roles, LoopbackPorts.Next(), LoopbackPorts.Next(), LoopbackPorts.Next());

    /// <param name="program">spade.dll.</param>
    /// <param name="settings">Further settings, such as Spade:Galleries.</param>
    /// <param name="log">File for its output.</param>
    public Process Start(string program, IReadOnlyDictionary<string, string> settings, string log)
    {
        var all = new Dictionary<string, string>(settings)
        {
            ["Spade:Name"] = Name,
            ["Spade:Roles"] = Roles,
            ["Spade:LoopbackOnly"] = "true",
            ["Spade:Address"] = "127.0.0.1",
            ["Spade:SiloPort"] = SiloPort.ToString(CultureInfo.InvariantCulture),
            ["Spade:GrpcPort"] = GrpcPort.ToString(CultureInfo.InvariantCulture),
            ["Spade:HealthPort"] = HealthPort.ToString(CultureInfo.InvariantCulture),
        };
        // The shell replaces itself by the silo, so that the process id is the silo's.
        var start = new ProcessStartInfo("/bin/sh", ["-c", "exec dotnet \"$0\" silo >>\"$1\" 2>&1 </dev/null", program, log]);
        foreach (var (key, value) in all) start.Environment[key.Replace(":", "__", StringComparison.Ordinal)] = value;
        return Process.Start(start)!;
    }

    /// <summary>Sends SIGTERM: the silo finishes its requests and leaves the cluster.</summary>
    public static void Terminate(Process process)
    {
        using var kill = Process.Start("kill", ["-TERM", process.Id.ToString(CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
    }

    /// <summary>Waits until the silo is an active member.</summary>
    /// <exception cref="SpadeException">Unavailable: it ended, or is not ready in time; with the end of its log.</exception>
    public async Task WaitReadyAsync(Process process, string log, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(ReadyTime);
        var first = await Task.WhenAny(ReadyAsync(limit.Token), process.WaitForExitAsync(limit.Token));
        // Ends the other wait.
        await limit.CancelAsync();
        cancellationToken.ThrowIfCancellationRequested();
        if (first.IsCompletedSuccessfully && !process.HasExited) return;
        string problem = process.HasExited
            ? $"ended with exit code {process.ExitCode}" : $"was not ready within {ReadyTime.TotalMinutes:0} minutes";
        throw new SpadeException(SpadeError.Unavailable,
            $"silo {Name} {problem}; its log, {log}, ends with:\n{string.Join('\n', File.ReadLines(log).TakeLast(LogLines))}");
    }

    private async Task ReadyAsync(CancellationToken cancellationToken)
    {
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(2) };
        while (true)
        {
            try
            {
                using var answer = await http.GetAsync($"http://127.0.0.1:{HealthPort}/health/ready", cancellationToken);
                if (answer.IsSuccessStatusCode) return;
            }
            catch (Exception e) when (e is HttpRequestException or OperationCanceledException && !cancellationToken.IsCancellationRequested)
            {
                // Not listening yet, or slow to answer while it starts.
            }
            await Task.Delay(100, cancellationToken);
        }
    }
}
