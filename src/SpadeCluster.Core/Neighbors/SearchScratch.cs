namespace SpadeCluster.Neighbors;

/// <summary>The memory of one running search, reused by later ones.</summary>
internal sealed unsafe class SearchScratch
{
    private readonly PixelIndex _index;
    private readonly LevelChain _chain;
    private AlignedBuffer<float>? _root, _least;
    private AlignedBuffer<int>? _leastAt;

    public SearchScratch(PixelIndex index, LevelChain chain)
    {
        (_index, _chain) = (index, chain);
        Query = new PreparedQuery(index, chain);
        Shared = new float[chain.Depths[chain.Finest].Slots];
    }

    public PreparedQuery Query { get; }

    /// <summary>[finest slot]: upper bounds of the final distances.</summary>
    public float[] Shared { get; }

    public List<ChainWorker> Workers { get; } = [];

    /// <summary>[image of the group][gallery root slot][query root slot]: root bounds.</summary>
    public float* Root => _root!.Pointer;

    /// <summary>[image and part][query root slot]: the smallest root bound and the gallery slot it came from.</summary>
    public float* Least => _least!.Pointer;
    public int* LeastAt => _leastAt!.Pointer;

    public void EnsureWorkers(int count)
    {
        while (Workers.Count < count) Workers.Add(new ChainWorker(_index, _chain, Query));
    }

    public void EnsureRoot(long bounds, long minima)
    {
        Ensure(ref _root, bounds);
        Ensure(ref _least, minima);
        Ensure(ref _leastAt, minima);
    }

    private static void Ensure<T>(ref AlignedBuffer<T>? buffer, long length) where T : unmanaged
    {
        if (buffer?.Length >= length) return;
        buffer?.Dispose();
        buffer = new AlignedBuffer<T>(length);
    }
}
