using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using SpadeCluster.Cluster;

namespace SpadeCluster.Server.Tests;

/// <summary>'spade serve' as a process of its own.</summary>
internal static class ServerProcess
{
    /// <summary>The program as it lies beside the tests, with its own settings and the tests' list of assemblies: its own list names
    /// packages that ASP.NET Core brings too, and a test project's output leaves those out.</summary>
    private static string[] Spade { get; } =
        ["exec", "--runtimeconfig", Beside("spade.runtimeconfig.json"), "--depsfile",
            Beside("SpadeCluster.Server.Tests.deps.json"), Beside("spade.dll")];

    /// <param name="folder">The folder that contains 'galleries'.</param>
    /// <param name="data">The server's own folder.</param>
    public static Task<(Process Process, string Address)> StartAsync(string folder, string data,
        params (string Name, string Value)[] environment)
        => StartAsync(folder, data, [], environment);

    /// <param name="options">Further options of 'serve'.</param>
    public static async Task<(Process Process, string Address)> StartAsync(string folder, string data, string[] options,
        params (string Name, string Value)[] environment)
    {
        string address = $"http://127.0.0.1:{LoopbackPorts.Next().ToString(CultureInfo.InvariantCulture)}";
        var start = new ProcessStartInfo("dotnet",
            [.. Spade, "serve", "--gallery", Path.Combine(folder, "galleries"), "--data", data, "--urls", address,
                .. options])
        { RedirectStandardOutput = true };
        foreach (var (name, value) in environment) start.Environment[name] = value;
        var process = Process.Start(start)!;
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        string? line = await process.StandardOutput.ReadLineAsync(limit.Token);
        Assert.Contains(address, line, StringComparison.Ordinal);
        return (process, address);
    }

    /// <summary>Any command, run in a folder until it ends.</summary>
    public static async Task<(int Exit, string Output, string Error)> RunAsync(
        string folder, string[] command, params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo("dotnet", [.. Spade, .. command])
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in environment) start.Environment[name] = value;
        using var process = Process.Start(start)!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        return (process.ExitCode, await output, await error);
    }

    /// <summary>A command that runs until it is killed.</summary>
    public static Process Start(string folder, params string[] command)
        => Process.Start(new ProcessStartInfo("dotnet", [.. Spade, .. command])
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
        })!;

    private static string Beside(string file) => Path.Combine(AppContext.BaseDirectory, file);
}
