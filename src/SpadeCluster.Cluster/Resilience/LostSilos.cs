using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using SpadeCluster.Cluster.Placement;

namespace SpadeCluster.Cluster.Resilience;

/// <summary>
/// Silos that this silo could not reach recently. The cluster needs several probes to agree on a loss, but a killed process refuses
/// connections at once. Until then callers use another silo, and do not wait for the lost silo's calls. Every call is idempotent, so a
/// false alarm only costs work.
/// <para>If the machine answers and the port is closed, the process has ended, since a silo always listens. The silo is then declared dead
/// without waiting for probes. This also affects calls to other silos, because each silo keeps a part of Orleans' grain directory.</para>
/// </summary>
internal sealed partial class LostSilos : IDisposable
{
    /// <summary>How long a silo is avoided after a failure; by then the membership has decided, or the silo answers again.</summary>
    private static readonly TimeSpan AvoidTime = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan BetweenChecks = TimeSpan.FromMilliseconds(100);

    private readonly ConcurrentDictionary<SiloAddress, Entry> _entries = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly IClusterMembershipService _membership;
    private readonly SiloAddress _self;
    private readonly ILogger _logger;
    private readonly TimeProvider _clock;

    public LostSilos(IClusterMembershipService membership, ILocalSiloDetails self, ILogger<LostSilos> logger, TimeProvider clock)
    {
        (_membership, _self, _logger, _clock) = (membership, self.SiloAddress, logger, clock);
        Task.Run(FollowMembershipAsync).Ignore();
    }

    /// <summary>The silos that are not avoided; all silos if all are avoided.</summary>
    public IReadOnlyList<KnownSilo> Without(IReadOnlyList<KnownSilo> silos)
    {
        if (_entries.IsEmpty) return silos;
        KnownSilo[] others = [.. silos.Where(s => !IsAvoided(s.Address))];
        return others.Length > 0 ? others : silos;
    }

    /// <summary>Completes when the silo is next found lost.</summary>
    public Task WhenLost(SiloAddress silo) => EntryOf(silo).Lost.Task;

    /// <summary>A call to a silo failed: other silos are preferred for a while, and this one is checked.</summary>
    public void Avoid(SiloAddress silo)
    {
        var entry = EntryOf(silo);
        Interlocked.Exchange(ref entry.Until, _clock.GetTimestamp() + (long)(AvoidTime.TotalSeconds * _clock.TimestampFrequency));
        Interlocked.Exchange(ref entry.Lost, New()).TrySetResult();
        if (Interlocked.Exchange(ref entry.Checking, 1) == 0) CheckAsync(silo, entry).Ignore();
    }

    /// <summary>Checks all members, because a connection has ended.</summary>
    public void CheckAll()
    {
        foreach (var member in _membership.CurrentSnapshot.Members.Values.Where(m =>
            m.Status == SiloStatus.Active && !m.SiloAddress.Equals(_self)))
        {
            var entry = EntryOf(member.SiloAddress);
            if (Interlocked.Exchange(ref entry.Checking, 1) == 0) CheckAsync(member.SiloAddress, entry).Ignore();
        }
    }

    /// <summary>Declares a silo dead if its port is closed twice. (If this silo's own port is closed, silos are not connected by
    /// TCP.)</summary>
    private async Task CheckAsync(SiloAddress silo, Entry entry)
    {
        try
        {
            if (!await IsShutAsync(silo.Endpoint) || await IsShutAsync(_self.Endpoint)) return;
            await Task.Delay(BetweenChecks, _clock, _stop.Token);
            if (!await IsShutAsync(silo.Endpoint) || _membership.CurrentSnapshot.GetSiloStatus(silo) != SiloStatus.Active) return;
            LogShut(silo);
            Avoid(silo);
            await _membership.TryKill(silo);
        }
        finally
        {
            Interlocked.Exchange(ref entry.Checking, 0);
        }
    }

    /// <summary>Whether connections are refused. No answer does not count, because the network may be down.</summary>
    private async Task<bool> IsShutAsync(IPEndPoint endpoint)
    {
        using var socket = new Socket(endpoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(endpoint, _stop.Token).AsTask().WaitAsync(TimeSpan.FromSeconds(1), _clock, _stop.Token);
            return false;
        }
        catch (SocketException e)
        {
            return e.SocketErrorCode == SocketError.ConnectionRefused;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    public void Dispose() => _stop.Cancel();

    /// <summary>Silos that the cluster declared dead are lost; they never come back with the same address and generation.</summary>
    private async Task FollowMembershipAsync()
    {
        await foreach (var snapshot in _membership.MembershipUpdates.WithCancellation(_stop.Token))
            foreach (var silo in _entries.Keys.Where(s => snapshot.GetSiloStatus(s) is SiloStatus.Dead or SiloStatus.None))
                if (_entries.TryRemove(silo, out var entry)) entry.Lost.TrySetResult();
    }

    private bool IsAvoided(SiloAddress silo) =>
        _entries.TryGetValue(silo, out var entry) && Interlocked.Read(ref entry.Until) > _clock.GetTimestamp();

    private Entry EntryOf(SiloAddress silo) => _entries.GetOrAdd(silo, _ => new Entry());

    [LoggerMessage(Level = LogLevel.Warning, Message = "Silo {Silo} is an active member but its port is closed: its process has ended")]
    private partial void LogShut(SiloAddress silo);

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private sealed class Entry
    {
        public long Until;
        public int Checking;
        public TaskCompletionSource Lost = New();
    }
}
