using System.Diagnostics;
using System.Globalization;
using SpadeCluster.Cluster;

namespace SpadeCluster.Cli.Bench;

/// <summary>'spade serve' as a process of its own, on loopback, with a temporary folder for its decisions.</summary>
internal sealed class ServedGallery : IAsyncDisposable
{
    private static readonly TimeSpan StartTime = TimeSpan.FromMinutes(2);

    private readonly Process _process;
    private readonly string _data;

    private ServedGallery(Process process, string data, string address) => (_process, _data, Address) = (process, data, address);

    /// <summary>Its gRPC address, HOST:PORT.</summary>
    public string Address { get; }

    /// <summary>Processor time that it has used.</summary>
    public TimeSpan ProcessorTime
    {
        get
        {
            _process.Refresh();
            return _process.TotalProcessorTime;
        }
    }

    /// <param name="options">Options of 'serve', such as --gallery DIR.</param>
    /// <exception cref="SpadeException">Unavailable: it ended, or does not serve in time. Its messages are on the console.</exception>
    public static async Task<ServedGallery> StartAsync(IEnumerable<string> options, CancellationToken cancellationToken)
    {
        string data = Directory.CreateTempSubdirectory("spade-bench-").FullName;
        string grpc = $"127.0.0.1:{LoopbackPorts.Next().ToString(CultureInfo.InvariantCulture)}";
        string http = $"http://127.0.0.1:{LoopbackPorts.Next().ToString(CultureInfo.InvariantCulture)}";
        var process = Process.Start(new ProcessStartInfo("dotnet",
            [typeof(ServedGallery).Assembly.Location, "serve", "--urls", http, "--grpc-urls", $"http://{grpc}", "--data", data, "--keep",
                "none",
                .. options])
        { RedirectStandardOutput = true })!;
        var served = new ServedGallery(process, data, grpc);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(StartTime);
        try
        {
            // Its first line says that it serves; the output ends without one if it could not start.
            if (await process.StandardOutput.ReadLineAsync(limit.Token) is not null) return served;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // Too late: as if it had ended.
        }
        catch
        {
            await served.DisposeAsync();
            throw;
        }
        await served.DisposeAsync();
        throw new SpadeException(SpadeError.Unavailable, "'spade serve' did not start; its message is above");
    }

    public async ValueTask DisposeAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
        Directory.Delete(_data, recursive: true);
    }
}
