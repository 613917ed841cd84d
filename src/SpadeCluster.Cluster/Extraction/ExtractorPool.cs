using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using SpadeCluster.Features;
using SpadeCluster.Cluster.Placement;
using SpadeCluster.Cluster.Resilience;

namespace SpadeCluster.Cluster.Extraction;

/// <summary>All extractor slots of the cluster; a gateway uses the least busy one.</summary>
internal sealed class ExtractorPool(IGrainFactory grains, SiloCalls calls, TimeProvider clock)
{
    /// <summary>How many more images a slot of this silo may have than the least busy other one. With one, an image waits at most about one
    /// extraction longer than elsewhere, and sending it would cost part of that. With more, other devices would idle if all clients used
    /// one gateway.</summary>
    internal const int OwnLead = 1;

    private readonly ConcurrentDictionary<string, SlotLoad> _loads = new(StringComparer.Ordinal);
    private int _turn;

    /// <exception cref="SpadeException">Unavailable: no extractor silo, or all of them lost their devices. ResourceExhausted: every
    /// queue is full.</exception>
    public Task<Extracted> ExtractAsync(ExtractRequest request, CancellationToken cancellationToken)
        => calls.CallAsync(SiloRole.Extractor, async (silos, _) =>
        {
            SpadeException? refused = null;
            var slots = Slots(silos);
            await AskAsync(slots);
            foreach (var slot in InOrder(slots))
            {
                try
                {
                    return new Extracted(this, slot, request,
                        await CountedAsync(slot, g =>
                            calls.OnAsync(slot.Silo, () => g.ExtractAsync(request, cancellationToken)), request.Pixels.Length));
                }
                catch (SpadeException e) when (e.Error is SpadeError.ResourceExhausted or SpadeError.Unavailable)
                {
                    // Its queue is full or its device lost: try the next slot.
                    refused = e;
                }
            }
            throw refused!;
        }, cancellationToken);

    public Task<DefaultEngine> GetDefaultAsync(CancellationToken cancellationToken)
        => calls.CallAsync(SiloRole.Extractor, (silos, _) =>
            Grain(InOrder(Slots(silos)).First()).GetDefaultAsync(cancellationToken), cancellationToken);

    public Task<IReadOnlyList<FeatureModel>> ListModelsAsync(CancellationToken cancellationToken)
        => calls.CallAsync(SiloRole.Extractor, (silos, _) =>
            Grain(InOrder(Slots(silos)).First()).ListModelsAsync(cancellationToken), cancellationToken);

    internal IExtractorGrain Grain(ExtractorSlot slot) => grains.GetGrain<IExtractorGrain>(slot.Key);

    internal void CountSent(ExtractorSlot slot, string kind, long bytes) => calls.CountSent(slot.Silo, kind, bytes);

    private static ExtractorSlot[] Slots(IReadOnlyList<KnownSilo> silos)
        => [.. silos.SelectMany(s =>
            Enumerable.Range(0, s.Profile.ExtractorSlots).Select(i => new ExtractorSlot(GrainKeys.Extractor(i, s.Name), s.Address)))];

    private SlotLoad Load(ExtractorSlot slot) => _loads.GetOrAdd(slot.Key, static (_, clock) => new SlotLoad(clock), clock);

    /// <summary>Asks the slots for their load if an image would have to wait on a slot of this gateway; otherwise that is not worth a
    /// call.</summary>
    private Task AskAsync(ExtractorSlot[] slots)
        => slots.Length > 1 && Array.Exists(slots, s => Load(s).Own > OwnLead)
        ? Task.WhenAll(slots.Select(s => Load(s).AskAsync(Grain(s).CountInWorkAsync))) : Task.CompletedTask;

    private IEnumerable<ExtractorSlot> InOrder(ExtractorSlot[] slots)
        => InOrder(slots, Interlocked.Increment(ref _turn) & int.MaxValue, s => calls.IsHere(s.Silo), s => Load(s).InFlight);

    /// <summary>Least busy first, and a slot of this silo before others, because the image (150 KB or more) need not be sent to
    /// it.</summary>
    /// <param name="turn">The first of equally busy slots; changes with every call.</param>
    internal static IEnumerable<ExtractorSlot> InOrder(ExtractorSlot[] slots, int turn, Func<ExtractorSlot, bool> isHere,
        Func<ExtractorSlot, int> inFlight)
        => Enumerable.Range(0, slots.Length).Select(i => slots[(turn + i) % slots.Length])
        .OrderBy(s => inFlight(s) - (isHere(s) ? OwnLead : 0)).ThenByDescending(isHere);

    private async Task<ExtractReply> CountedAsync(ExtractorSlot slot, Func<IExtractorGrain, Task<ExtractReply>> call, long bytes)
    {
        Load(slot).Begin();
        try
        {
            CountSent(slot, "image", bytes);
            var reply = await call(Grain(slot));
            CountSent(slot, "pooled", reply.Pooled.Length);
            if (reply.Pyramid is { } pyramid) CountSent(slot, "pyramid", pyramid.Shapes.Sum(s => 2L * s.Length));
            return reply;
        }
        finally
        {
            Load(slot).End();
        }
    }
}

/// <summary>A device slot of the cluster: its grain's key and its silo.</summary>
internal readonly record struct ExtractorSlot(string Key, SiloAddress Silo);

/// <summary>An image's features: the pooled feature, and the pyramid, which may still be at its extractor.</summary>
internal sealed class Extracted(ExtractorPool pool, ExtractorSlot slot, ExtractRequest request, ExtractReply reply)
{
    private FeaturePyramid? _pyramid = reply.Pyramid;
    private bool _fetched = reply.Pyramid is not null;

    public float[] Pooled { get; } = MemoryMarshal.Cast<byte, float>(reply.Pooled).ToArray();

    /// <summary>The pyramid; extracted again, once, if the lease has expired or its silo is lost.</summary>
    public async ValueTask<FeaturePyramid> PyramidAsync(CancellationToken cancellationToken)
    {
        _fetched = true;
        return _pyramid ??= await TakeAsync(cancellationToken)
            ?? (await pool.ExtractAsync(request with { WithPyramid = true }, cancellationToken))._pyramid!;
    }

    /// <summary>Releases the lease if the pyramid was not fetched.</summary>
    public Task ReleaseAsync() => _fetched ? Task.CompletedTask : pool.Grain(slot).ReleaseAsync(reply.Lease);

    private async Task<FeaturePyramid?> TakeAsync(CancellationToken cancellationToken)
    {
        try
        {
            var pyramid = (await pool.Grain(slot).TakePyramidAsync(reply.Lease, cancellationToken)).Pyramid;
            if (pyramid is not null) pool.CountSent(slot, "pyramid", pyramid.Shapes.Sum(s => 2L * s.Length));
            return pyramid;
        }
        catch (Exception e) when (GrainCalls.IsLostSilo(e))
        {
            return null;
        }
    }
}
