using System.Diagnostics;
using System.Globalization;
using SpadeCluster.Cli.Demo;
using SpadeCluster.Imaging;

namespace SpadeCluster.Cli.Tests;

/// <summary>Runs the command line as a user does: a process, with its output and exit code.</summary>
internal static class Spade
{
    public static string Dll { get; } = Path.Combine(AppContext.BaseDirectory, "spade.dll");

    public static Task<(int Exit, string Out, string Error)> RunAsync(params string[] args) => RunAsync(Path.GetTempPath(), args);

    public static Task<(int Exit, string Out, string Error)> InAsync(string folder, params string[] args) => RunAsync(folder, args);

    private static Task<(int Exit, string Out, string Error)> RunAsync(string folder, string[] args)
        => StartAsync(new ProcessStartInfo("dotnet", [Dll, .. args]) { WorkingDirectory = folder });

    /// <summary>The most memory that a running process has had (Linux: VmHWM).</summary>
    public static long PeakBytes(Process process)
    {
        string line = File.ReadLines($"/proc/{process.Id}/status").Single(l => l.StartsWith("VmHWM:", StringComparison.Ordinal));
        return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) << 10;
    }

    public static async Task<(int Exit, string Out, string Error)> StartAsync(ProcessStartInfo start)
    {
        (start.RedirectStandardOutput, start.RedirectStandardError) = (true, true);
        using var process = Process.Start(start)!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        return (process.ExitCode, await output, await error);
    }
}

/// <summary>A folder of its own for each test, with a few photographs of plates to work on.</summary>
public abstract class WorkFolder : IDisposable
{
    protected WorkFolder() => Root = Directory.CreateTempSubdirectory("spade-cli-").FullName;

    protected string Root { get; }

    protected string At(params string[] parts) => Path.Combine([Root, .. parts]);

    /// <summary>Writes photographs of good plates and returns their folder.</summary>
    protected string Plates(int count, string folder = "plates", int seed = 1)
    {
        Directory.CreateDirectory(At(folder));
        for (int i = 0; i < count; i++) PngEncoder.WriteFile(At(folder, $"{i:00}.png"), PlateCamera.Photograph(seed + i, null).Photograph);
        return At(folder);
    }

    public void Dispose()
    {
        Directory.Delete(Root, recursive: true);
        GC.SuppressFinalize(this);
    }
}
