using System.Collections.Concurrent;
using SpadeCluster.Grains.Placement;

namespace SpadeCluster.Grains.Resilience;

/// <summary>
/// Silos that this one could not reach a moment ago. The cluster agrees on a loss after several probes; a process that
/// was killed refuses connections at once. Whoever is told here goes to another silo meanwhile, and calls that the lost silo
/// had taken are not waited for. Every call is idempotent, so a false alarm costs work and nothing else.
/// </summary>
internal sealed class LostSilos : IDisposable
{
    /// <summary>How long a silo is avoided after a failure; until then the membership has decided, or it is back.</summary>
    private static readonly TimeSpan AvoidTime = TimeSpan.FromSeconds(5);

    private readonly ConcurrentDictionary<SiloAddress, Entry> _entries = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly IClusterMembershipService _membership;
    private readonly SiloAddress _self;
    private readonly TimeProvider _clock;

    public LostSilos(IClusterMembershipService membership, ILocalSiloDetails self, TimeProvider clock)
    {
        (_membership, _self, _clock) = (membership, self.SiloAddress, clock);
        Task.Run(FollowMembershipAsync).Ignore();
    }

    /// <summary>Silos not avoided; all of them where nothing else is left.</summary>
    public IReadOnlyList<KnownSilo> Without(IReadOnlyList<KnownSilo> silos)
    {
        if (_entries.IsEmpty) return silos;
        KnownSilo[] others = [.. silos.Where(s => !IsAvoided(s.Address))];
        return others.Length > 0 ? others : silos;
    }

    /// <summary>Completes when a silo is found lost from now on.</summary>
    public Task WhenLost(SiloAddress silo) => EntryOf(silo).Lost.Task;

    /// <summary>Learns from a failed call.</summary>
    /// <param name="e">Orleans names the silo it could not reach in the text only - the one called, or the one that knows
    /// where the called grain is.</param>
    public void Learn(Exception e, IEnumerable<KnownSilo> silos)
    {
        if (e is not SiloUnavailableException && !e.Message.Contains("ConnectionFailedException", StringComparison.Ordinal)) return;
        foreach (var silo in silos)
        {
            // This one's own address stands there too, as the sender's.
            if (!silo.Address.Equals(_self) && e.Message.Contains($"{silo.Address}", StringComparison.Ordinal)) Avoid(silo.Address);
        }
    }

    public void Avoid(SiloAddress silo)
    {
        var entry = EntryOf(silo);
        Interlocked.Exchange(ref entry.Until, _clock.GetTimestamp() + (long)(AvoidTime.TotalSeconds * _clock.TimestampFrequency));
        Interlocked.Exchange(ref entry.Lost, New()).TrySetResult();
    }

    public void Dispose() => _stop.Cancel();

    /// <summary>A silo that the cluster has agreed on is lost too; it is never back under the same address and generation.</summary>
    private async Task FollowMembershipAsync()
    {
        await foreach (var snapshot in _membership.MembershipUpdates.WithCancellation(_stop.Token))
            foreach (var silo in _entries.Keys.Where(s => snapshot.GetSiloStatus(s) is SiloStatus.Dead or SiloStatus.None))
                if (_entries.TryRemove(silo, out var entry)) entry.Lost.TrySetResult();
    }

    private bool IsAvoided(SiloAddress silo) => _entries.TryGetValue(silo, out var entry) && Interlocked.Read(ref entry.Until) > _clock.GetTimestamp();

    private Entry EntryOf(SiloAddress silo) => _entries.GetOrAdd(silo, _ => new Entry());

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private sealed class Entry
    {
        public long Until;
        public TaskCompletionSource Lost = New();
    }
}
