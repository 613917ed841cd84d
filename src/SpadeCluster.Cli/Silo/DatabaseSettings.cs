using System.Data.Common;
using Npgsql;

namespace SpadeCluster.Cli.Silo;

/// <summary>
/// Settings of connections to PostgreSQL for the case that a host or the network is lost, so that nobody closes its connections. PostgreSQL
/// by default keeps a session of a lost host for two hours, and with it the writer's lock of a category, so nobody could change the
/// category. A silo by default waits 15 s for a connection and 30 s for each answer.
/// </summary>
internal static class DatabaseSettings
{
    /// <summary>Settings of a session in PostgreSQL, which then ends it about 11 s after the silo's last packet.</summary>
    private const string EndLostSessions =
        "-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3 -c tcp_user_timeout=10000";

    private static readonly (string Name, object Value)[] Defaults =
    [
        ("Timeout", 5), ("Command Timeout", 15), ("Tcp Keepalive", true), ("Tcp Keepalive Time", 5), ("Tcp Keepalive Interval", 2),
        ("Options", EndLostSessions),
    ];

    /// <summary>The connection string with these settings; those that it has stay.</summary>
    public static string Complete(string connection)
    {
        var settings = new NpgsqlConnectionStringBuilder(connection);
        // Only the names that the string has; Npgsql's own Keys are all names that it knows.
        var given = ((DbConnectionStringBuilder)settings).Keys.Cast<string>().ToHashSet(StringComparer.OrdinalIgnoreCase);
        foreach (var (name, value) in Defaults.Where(d => !given.Contains(d.Name))) settings[name] = value;
        return settings.ToString();
    }

    /// <summary>The settings for the list of members: its statements are small, and a silo that was cut off must soon learn that it was
    /// declared dead, to start again.</summary>
    public static string ForMembers(string connection)
        => new NpgsqlConnectionStringBuilder(connection) { CommandTimeout = 5, CancellationTimeout = -1 }.ToString();
}
