using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace SpadeCluster.Cli.Commands.Cluster;

/// <summary>A PostgreSQL server of one's own: a fresh data folder, loopback, a free port. For trying things and for tests.</summary>
internal static class PrivatePostgres
{
    /// <summary>Where the system keeps its servers, newest first; null: PostgreSQL is not installed.</summary>
    public static string? BinFolder { get; } = FindBin();

    /// <summary>PostgreSQL refuses to run as root; then it runs as this user.</summary>
    private const string OtherUser = "nobody";

    /// <param name="folder">Made for it; nothing else may be in it.</param>
    /// <returns>The connection string.</returns>
    public static string Start(string folder)
    {
        if (BinFolder is null)
            throw new SpadeException(SpadeError.NotFound,
                "PostgreSQL is not installed (no initdb found): install it, for example with 'apt-get install postgresql'");
        Directory.CreateDirectory(folder);
        if (Environment.IsPrivilegedProcess) Run("chown", OtherUser, folder);
        int port = FreePort();
        string data = Path.Combine(folder, "data");
        AsOther(Path.Combine(BinFolder, "initdb"), "-D", data, "-U", "spade", "-A", "trust", "-E", "UTF8", "--no-sync");
        AsOther(Path.Combine(BinFolder, "pg_ctl"), "-D", data, "-w", "-l", Path.Combine(folder, "log"), "-o",
            $"-p {port} -h 127.0.0.1 -k {folder} -c fsync=on -c max_connections=200", "start");
        return $"Host=127.0.0.1;Port={port};Database=postgres;Username=spade";
    }

    public static void Stop(string folder)
    {
        string data = Path.Combine(folder, "data");
        if (BinFolder is not null && File.Exists(Path.Combine(data, "postmaster.pid")))
            AsOther(Path.Combine(BinFolder, "pg_ctl"), "-D", data, "-m", "immediate", "-w", "stop");
    }

    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static void AsOther(string program, params string[] arguments)
    {
        if (Environment.IsPrivilegedProcess) Run("runuser", ["-u", OtherUser, "--", program, .. arguments]);
        else Run(program, arguments);
    }

    private static void Run(string program, params string[] arguments)
    {
        // The server inherits what pg_ctl has open: pipes of ours would never end.
        string command = string.Join(' ', arguments.Prepend(program).Select(a => $"'{a.Replace("'", "'\\''", StringComparison.Ordinal)}'"));
        string log = Path.GetTempFileName();
        using var process = Process.Start(new ProcessStartInfo("/bin/sh",
            ["-c", $"{command} >'{log}' 2>&1 </dev/null"])
        { WorkingDirectory = "/" })!;
        process.WaitForExit();
        string output = File.ReadAllText(log);
        File.Delete(log);
        if (process.ExitCode != 0)
            throw new SpadeException(SpadeError.Unavailable, $"{program} {arguments.FirstOrDefault()} failed: {output.Trim()}");
    }

    private static string? FindBin()
    {
        string[] installed = Directory.Exists("/usr/lib/postgresql")
            ? [.. Directory.EnumerateDirectories("/usr/lib/postgresql").OrderDescending().Select(d => Path.Combine(d, "bin"))] : [];
        return installed.Concat((Environment.GetEnvironmentVariable("PATH") ?? "").Split(':'))
            .FirstOrDefault(d => File.Exists(Path.Combine(d, "initdb")) && File.Exists(Path.Combine(d, "pg_ctl")));
    }
}
