using System.Diagnostics;
using System.Security.Cryptography;
using Npgsql;
using SpadeCluster.Cli.Silo;
using SpadeCluster.Cluster;

namespace SpadeCluster.Cli.Commands.Cluster;

/// <summary>
/// A PostgreSQL server for one cluster: on loopback and a free port, with a data folder that only its user can read. All connections need a
/// password (SCRAM), also through the socket; silos use a user who owns one database and is not a superuser.
/// </summary>
internal static class PrivatePostgres
{
    private const string Superuser = "postgres", User = "spade", Database = "spade";

    /// <summary>Folder of the newest installed PostgreSQL; null: PostgreSQL is not installed.</summary>
    public static string? BinFolder { get; } = FindBin();

    /// <summary>PostgreSQL refuses to run as root; the user to run it as instead.</summary>
    internal static string OtherUser => File.ReadLines("/etc/passwd").Any(l => l.StartsWith("postgres:", StringComparison.Ordinal))
        ? "postgres" : "nobody";

    /// <param name="folder">Created if it does not exist; must contain nothing else. A stopped server keeps its data.</param>
    /// <returns>The connection string, with its password.</returns>
    public static string Start(string folder)
    {
        if (BinFolder is null)
            throw new SpadeException(SpadeError.NotFound,
                "PostgreSQL is not installed (no initdb found): install it, for example with 'apt-get install postgresql'");
        int port = LoopbackPorts.Next();
        string data = Path.Combine(folder, "data"), password = Path.Combine(folder, "password");
        bool isNew = !Directory.Exists(data);
        PrivateFile.Folder(folder);
        if (isNew)
        {
            PrivateFile.Write(password, RandomNumberGenerator.GetHexString(64, lowercase: true));
            GiveAway(folder, password);
            AsOther("initdb", "-D", data, "-U", Superuser, "-A", "scram-sha-256", "--pwfile", password, "-E", "UTF8", "--no-sync");
        }
        AsOther("pg_ctl", "-D", data, "-w", "-l", Path.Combine(folder, "log"), "-o",
            $"-p {port} -h 127.0.0.1 -k {folder} -c unix_socket_permissions=0700 -c max_connections=200", "start");
        var login = new NpgsqlConnectionStringBuilder
        {
            Host = "127.0.0.1",
            Port = port,
            Database = Database,
            Username = User,
            Password = File.ReadAllText(password),
        };
        if (isNew) Prepare(login);
        return login.ToString();
    }

    /// <summary>Creates the database and the user who owns it. Afterwards nobody knows the superuser's password.</summary>
    private static void Prepare(NpgsqlConnectionStringBuilder login)
    {
        var superuser = new NpgsqlConnectionStringBuilder(login.ToString())
        {
            Username = Superuser,
            Database = "postgres",
            Pooling = false
        };
        using var connection = new NpgsqlConnection(superuser.ToString());
        connection.Open();
        foreach (string sql in new[]
        {
            $"CREATE ROLE {User} LOGIN PASSWORD '{login.Password}'",
            $"CREATE DATABASE {Database} OWNER {User}",
            $"REVOKE ALL ON DATABASE {Database} FROM PUBLIC",
            $"ALTER ROLE {Superuser} PASSWORD '{RandomNumberGenerator.GetHexString(64, lowercase: true)}'",
        })
        {
            using var command = new NpgsqlCommand(sql, connection);
            command.ExecuteNonQuery();
        }
    }

    public static void Stop(string folder)
    {
        string data = Path.Combine(folder, "data");
        if (BinFolder is not null && File.Exists(Path.Combine(data, "postmaster.pid")))
            AsOther("pg_ctl", "-D", data, "-m", "fast", "-w", "stop");
    }

    private static void GiveAway(params string[] paths)
    {
        if (Environment.IsPrivilegedProcess) Run("chown", [OtherUser, .. paths]);
    }

    private static void AsOther(string name, params string[] arguments)
    {
        string program = Path.Combine(BinFolder!, name);
        if (Environment.IsPrivilegedProcess) Run("runuser", ["-u", OtherUser, "--", program, .. arguments]);
        else Run(program, arguments);
    }

    private static void Run(string program, params string[] arguments)
    {
        // Output goes to a file: the server inherits pg_ctl's open files, so a pipe would never end.
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
