using System.Diagnostics;
using SpadeCluster.Cli.Demo;
using SpadeCluster.Features;
using SpadeCluster.Imaging;

namespace SpadeCluster.Cli.Tests;

/// <summary>The command line as a user meets it: a process, its output and its exit code.</summary>
internal static class Spade
{
    public static async Task<(int Exit, string Out, string Error)> RunAsync(params string[] args) => await RunAsync(null, args);

    /// <param name="shell">A shell prefix that ends in exec, such as a limit; null: none.</param>
    public static async Task<(int Exit, string Out, string Error)> RunAsync(string? shell, string[] args, string? folder = null)
    {
        string dll = Path.Combine(AppContext.BaseDirectory, "spade.dll");
        var start = shell is null ? new ProcessStartInfo("dotnet", [dll, .. args]) : new ProcessStartInfo("bash", ["-c", $"{shell} dotnet \"$@\"", "bash", dll, .. args]);
        (start.RedirectStandardOutput, start.RedirectStandardError, start.WorkingDirectory) = (true, true, folder ?? Path.GetTempPath());
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
