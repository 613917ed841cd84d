using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;

namespace SpadeCluster.Server.Security;

/// <summary>
/// Counts refused sign-ins per address: beyond a few per minute, further wrong keys get 429; valid keys still work. The first refusal of a
/// minute and the block are logged and audited, for a limited number of addresses per minute, so that a flood does not fill the logs.
/// </summary>
internal sealed partial class FailedSignIns(AuditLog audit, TimeProvider clock, ILogger<FailedSignIns> logger)
{
    public const int PerMinute = 20;
    private const int MaxAddresses = 10_000, MaxRecordsPerMinute = 60;

    private readonly ConcurrentDictionary<string, (long Minute, int Count)> _failures = new();
    private (long Minute, int Count) _records;
    private readonly Lock _gate = new();

    public bool Blocked(IPAddress? address)
        => _failures.TryGetValue(Network(address), out var f) && f.Minute == Minute && f.Count >= PerMinute;

    /// <summary>Counts a refusal. Its audit entry is on the disk when the task completes.</summary>
    /// <param name="what">What was refused, for the logs.</param>
    public async Task CountAsync(IPAddress? address, string what = "a wrong key")
    {
        long minute = Minute;
        string from = Network(address);
        if (_failures.Count >= MaxAddresses) _failures.Clear();
        int count = _failures.AddOrUpdate(from, (minute, 1), (_, f) => f.Minute == minute ? (minute, f.Count + 1) : (minute, 1)).Count;
        if (count is not (1 or PerMinute) || !MayRecord(minute)) return;
        if (count == 1) LogRefused(what, from);
        else LogBlocked(from, PerMinute);
        await audit.WriteAsync("?", count == 1 ? "sign in refused" : "sign in blocked", from,
            count == 1 ? $"{what}; more from there within this minute are counted, not written"
            : $"{PerMinute} refused within a minute");
    }

    /// <summary>A customer usually has one IPv4 address, or a whole /64 network of IPv6.</summary>
    public static string Network(IPAddress? address)
    {
        if (address is null) return "";
        if (address.IsIPv4MappedToIPv6) address = address.MapToIPv4();
        if (address.AddressFamily != AddressFamily.InterNetworkV6 || IPAddress.IsLoopback(address)) return address.ToString();
        byte[] bytes = address.GetAddressBytes();
        bytes.AsSpan(8).Clear();
        return $"{new IPAddress(bytes)}/64";
    }

    private bool MayRecord(long minute)
    {
        lock (_gate)
        {
            if (_records.Minute != minute) _records = (minute, 0);
            return _records.Count++ < MaxRecordsPerMinute;
        }
    }

    private long Minute => clock.GetUtcNow().ToUnixTimeSeconds() / 60;

    [LoggerMessage(Level = LogLevel.Warning, Message = "{What} refused from {Address}")]
    private partial void LogRefused(string what, string address);

    [LoggerMessage(Level = LogLevel.Warning,
        Message = "{Count} sign-ins refused within a minute from {Address}; further wrong keys are answered 429")]
    private partial void LogBlocked(string address, int count);
}
