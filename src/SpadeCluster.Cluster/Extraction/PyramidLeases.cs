using SpadeCluster.Features;

namespace SpadeCluster.Cluster.Extraction;

/// <summary>
/// Pyramids that wait to be fetched, within a memory budget and for a short time. A lease may be dropped at any time; the image is then
/// extracted again. Safe for concurrent calls.
/// </summary>
internal sealed class PyramidLeases(long budget, TimeSpan time, TimeProvider clock)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<Guid, LinkedListNode<Lease>> _leases = [];
    private readonly LinkedList<Lease> _byAge = [];
    private long _bytes;

    public int Count { get { lock (_lock) return _leases.Count; } }

    public long Bytes { get { lock (_lock) return _bytes; } }

    public Guid Add(FeaturePyramid pyramid)
    {
        var lease = new Lease(Guid.NewGuid(), pyramid, pyramid.Shapes.Sum(s => 2L * s.Length), clock.GetUtcNow() + time);
        lock (_lock)
        {
            _leases.Add(lease.Id, _byAge.AddLast(lease));
            _bytes += lease.Bytes;
            while (_bytes > budget && _byAge.First is { } oldest) Remove(oldest);
        }
        return lease.Id;
    }

    /// <summary>Removes and returns the pyramid; null if the lease was dropped.</summary>
    public FeaturePyramid? Take(Guid id)
    {
        lock (_lock)
        {
            Sweep();
            if (!_leases.TryGetValue(id, out var node)) return null;
            Remove(node);
            return node.Value.Pyramid;
        }
    }

    /// <summary>Drops the expired leases.</summary>
    public void Expire()
    {
        lock (_lock) Sweep();
    }

    private void Sweep()
    {
        var now = clock.GetUtcNow();
        while (_byAge.First is { } oldest && oldest.Value.Until <= now) Remove(oldest);
    }

    private void Remove(LinkedListNode<Lease> node)
    {
        _byAge.Remove(node);
        _leases.Remove(node.Value.Id);
        _bytes -= node.Value.Bytes;
    }

    private sealed record Lease(Guid Id, FeaturePyramid Pyramid, long Bytes, DateTimeOffset Until);
}
