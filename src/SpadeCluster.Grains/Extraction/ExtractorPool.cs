using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using SpadeCluster.Features;
using SpadeCluster.Grains.Placement;
using SpadeCluster.Grains.Resilience;
using SpadeCluster.Grains.Telemetry;

namespace SpadeCluster.Grains.Extraction;

/// <summary>All extractor slots of the cluster, as a gateway uses them: the least busy first, by its own count.</summary>
internal sealed class ExtractorPool(IGrainFactory grains, SiloCalls calls)
{
    private readonly ConcurrentDictionary<string, int> _outstanding = new(StringComparer.Ordinal);
    private int _turn;

    /// <exception cref="SpadeException">Unavailable: no extractor silo. ResourceExhausted: every queue is full.</exception>
    public async Task<Extracted> ExtractAsync(ExtractRequest request, CancellationToken cancellationToken)
    {
        var (slot, reply) = await calls.CallAsync(SiloRole.Extractor, async (silos, _) =>
        {
            SpadeException? full = null;
            foreach (var (slot, silo) in InOrder(silos))
            {
                try
                {
                    return (slot, await CountedAsync(slot, g => calls.OnAsync(silo, () => g.ExtractAsync(request, cancellationToken)), request.Pixels.Length));
                }
                catch (SpadeException e) when (e.Error == SpadeError.ResourceExhausted)
                {
                    full = e;
                }
            }
            throw full!;
        }, cancellationToken);
        SpadeMeter.CountSent("pooled", reply.Pooled.Length);
        return new Extracted(this, slot, request, reply);
    }

    public Task<DefaultEngine> GetDefaultAsync(CancellationToken cancellationToken)
        => calls.CallAsync(SiloRole.Extractor, (silos, _) => grains.GetGrain<IExtractorGrain>(InOrder(silos).First().Slot).GetDefaultAsync(cancellationToken), cancellationToken);

    internal IExtractorGrain Grain(string slot) => grains.GetGrain<IExtractorGrain>(slot);

    private IEnumerable<(string Slot, SiloAddress Silo)> InOrder(IReadOnlyList<KnownSilo> silos)
    {
        (string Slot, SiloAddress Silo)[] slots = [.. silos.SelectMany(s => Enumerable.Range(0, s.Profile.ExtractorSlots).Select(i => (GrainKeys.Extractor(i, s.Name), s.Address)))];
        int turn = (Interlocked.Increment(ref _turn) & int.MaxValue) % slots.Length;
        return Enumerable.Range(0, slots.Length).Select(i => slots[(turn + i) % slots.Length]).OrderBy(s => _outstanding.GetValueOrDefault(s.Slot));
    }

    private async Task<ExtractReply> CountedAsync(string slot, Func<IExtractorGrain, Task<ExtractReply>> call, long bytes)
    {
        _outstanding.AddOrUpdate(slot, 1, (_, n) => n + 1);
        try
        {
            SpadeMeter.CountSent("image", bytes);
            return await call(Grain(slot));
        }
        finally
        {
            _outstanding.AddOrUpdate(slot, 0, (_, n) => n - 1);
        }
    }
}

/// <summary>An image's features: the pooled one here, the pyramid here or still with its extractor.</summary>
internal sealed class Extracted(ExtractorPool pool, string slot, ExtractRequest request, ExtractReply reply)
{
    private FeaturePyramid? _pyramid = reply.Pyramid;
    private bool _fetched = reply.Pyramid is not null;

    public float[] Pooled { get; } = MemoryMarshal.Cast<byte, float>(reply.Pooled).ToArray();

    /// <summary>The pyramid; extracted again, once, where the lease is gone or its silo is lost.</summary>
    public async ValueTask<FeaturePyramid> PyramidAsync(CancellationToken cancellationToken)
    {
        if (_pyramid is null)
        {
            _fetched = true;
            _pyramid = await TakeAsync(cancellationToken) ?? (await pool.ExtractAsync(request with { WithPyramid = true }, cancellationToken))._pyramid!;
        }
        SpadeMeter.CountSent("pyramid", _pyramid.Shapes.Sum(s => 2L * s.Length));
        return _pyramid;
    }

    /// <summary>Gives the lease back where nobody fetched the pyramid.</summary>
    public Task ReleaseAsync() => _fetched ? Task.CompletedTask : pool.Grain(slot).ReleaseAsync(reply.Lease);

    private async Task<FeaturePyramid?> TakeAsync(CancellationToken cancellationToken)
    {
        try
        {
            return (await pool.Grain(slot).TakePyramidAsync(reply.Lease, cancellationToken)).Pyramid;
        }
        catch (Exception e) when (SiloCalls.IsLostSilo(e))
        {
            return null;
        }
    }
}
