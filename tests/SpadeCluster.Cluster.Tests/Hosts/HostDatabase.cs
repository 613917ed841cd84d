using System.Diagnostics;
using Npgsql;
using SpadeCluster.Cli.Commands.Cluster;
using SpadeCluster.Tests;

namespace SpadeCluster.Cluster.Tests.Hosts;

/// <summary>PostgreSQL on a host of its own.</summary>
internal sealed class HostDatabase : IDisposable
{
    private const int Port = 5432;
    private const string DiskSize = "1g";

    private readonly TemporaryDisk _disk;
    private readonly byte _host;

    /// <param name="folder">A disk of its own is mounted there.</param>
    public HostDatabase(string folder, byte host)
    {
        (_disk, _host) = (new TemporaryDisk(DiskSize, folder), host);
        // Prepared on loopback, where its first password is set, and then started again at the host's address.
        var login = new NpgsqlConnectionStringBuilder(PrivatePostgres.Start(folder));
        PrivatePostgres.Stop(folder);
        File.AppendAllText(Path.Combine(Data, "pg_hba.conf"), "\nhost all all all scram-sha-256\n");
        (login.Host, login.Port) = (HostNetwork.Address(host), Port);
        ConnectionString = login.ToString();
        Start();
    }

    public string ConnectionString { get; }

    public string Folder => _disk.Folder;

    /// <summary>File of what it says.</summary>
    public string Log => Path.Combine(Folder, "log");

    private string Data => Path.Combine(Folder, "data");

    /// <summary>Starts it unless it runs. Its journal must be small: by default it grows to 1 GB, more than the disk, and a full disk ends
    /// PostgreSQL.</summary>
    public void Start()
    {
        if (Control("status")) return;
        if (!Control("start", "-l", Log, "-o",
            $"-p {Port} -h {HostNetwork.Address(_host)} -k {Folder} -c unix_socket_permissions=0700 -c max_connections=200 "
            + "-c max_wal_size=64MB -c min_wal_size=32MB"))
            throw new InvalidOperationException($"PostgreSQL did not start; see {Log}");
    }

    public void Dispose()
    {
        PrivatePostgres.Stop(Folder);
        _disk.Dispose();
    }

    private bool Control(string action, params string[] options)
    {
        string[] command = [.. HostNetwork.On(_host), "runuser", "-u", PrivatePostgres.OtherUser, "--",
            Path.Combine(PrivatePostgres.BinFolder!, "pg_ctl"), "-D", Data, "-w", ..options, action];
        // Its output goes nowhere: the server inherits pg_ctl's open files, so a pipe would never end.
        using var process = Process.Start(new ProcessStartInfo("/bin/sh",
            ["-c", "exec \"$@\" >/dev/null 2>&1 </dev/null", "sh", .. command])
        { WorkingDirectory = "/" })!;
        process.WaitForExit();
        return process.ExitCode == 0;
    }
}
