using System.Collections.Concurrent;
using System.Net;

namespace SpadeCluster.Server.Security;

/// <summary>Wrong keys per address: beyond a few a minute, no key from there is looked at until the minute is over.</summary>
internal sealed class FailedSignIns(TimeProvider clock)
{
    public const int PerMinute = 20;
    private const int MaxAddresses = 10_000;

    private readonly ConcurrentDictionary<string, (long Minute, int Count)> _failures = new();

    public bool Blocked(IPAddress? address) => _failures.TryGetValue(Key(address), out var f) && f.Minute == Minute && f.Count >= PerMinute;

    public void Count(IPAddress? address)
    {
        long minute = Minute;
        if (_failures.Count >= MaxAddresses) _failures.Clear();
        _failures.AddOrUpdate(Key(address), (minute, 1), (_, f) => f.Minute == minute ? (minute, f.Count + 1) : (minute, 1));
    }

    private long Minute => clock.GetUtcNow().ToUnixTimeSeconds() / 60;

    private static string Key(IPAddress? address) => address?.ToString() ?? "";
}
