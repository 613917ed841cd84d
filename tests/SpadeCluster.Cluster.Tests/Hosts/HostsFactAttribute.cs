using SpadeCluster.Cli.Commands.Cluster;
using SpadeCluster.Tests;

namespace SpadeCluster.Cluster.Tests.Hosts;

/// <summary>A test on several hosts, which are network namespaces; skipped, by name, where there can be none.</summary>
internal sealed class HostsFactAttribute : FactAttribute
{
    /// <summary>Shifts the clock of one process.</summary>
    public static string? FakeTime { get; } = Directory.Exists("/usr/lib")
        ? Directory.EnumerateDirectories("/usr/lib", "*-linux-gnu").Select(d => Path.Combine(d, "faketime", "libfaketime.so.1"))
            .FirstOrDefault(File.Exists) : null;

    public static string? Missing { get; } = HostNetwork.Missing
        ?? (PrivatePostgres.BinFolder is null ? "needs PostgreSQL (initdb, pg_ctl), which is not installed" : null)
        ?? (TemporaryDisk.MayMount ? null : "needs the right to mount a small tmpfs (root)");

    public HostsFactAttribute(bool fakeTime = false, bool links = false) => Skip = Missing
        ?? (fakeTime && FakeTime is null ? "needs libfaketime (package faketime), which is not installed" : null)
        ?? (links ? HostLinks.Missing : null);
}
