using System.Runtime.Intrinsics;

namespace SpadeCluster.Neighbors;

/// <summary>
/// Per query slot, what a candidate's distance must stay below to matter: for a finest slot its own limit, above it the
/// largest limit of the slots under it. Empty slots have -infinity. Each thread has its own limits; threads share what they
/// found in an array <c>shared</c> whose races are harmless: every value ever written is an upper bound of the final distance.
/// </summary>
internal sealed unsafe class Limits
{
    private readonly LevelChain _chain;
    private readonly AlignedBuffer<float>[] _values;

    public Limits(LevelChain chain)
    {
        _chain = chain;
        _values = new AlignedBuffer<float>[chain.Depths.Length];
        for (int d = 0; d < _values.Length; d++)
        {
            int slots = (chain.Depths[d].Slots + RootKernel.Group - 1) / RootKernel.Group * RootKernel.Group;
            _values[d] = new AlignedBuffer<float>(slots);
            new Span<float>(_values[d].Pointer, slots).Fill(float.NegativeInfinity);
        }
    }

    /// <summary>[slot] of a depth.</summary>
    public float* At(int depth) => _values[depth].Pointer;

    /// <summary>
    /// Sets all limits from the distances known so far. An equal distance still matters (it may win by position), unless
    /// this thread found the known one itself in an image before <paramref name="position"/>.
    /// </summary>
    public void Refresh(float[] shared, PixelMatches? own, int position)
    {
        int kappa = own?.Kappa ?? 0;
        int[] cells = _chain.Depths[_chain.Finest].Cells;
        float* at = At(_chain.Finest);
        for (int slot = 0; slot < cells.Length; slot++)
        {
            if (cells[slot] < 0) continue;
            float known = shared[slot];
            int last = cells[slot] * kappa + kappa - 1;
            bool settled = own is not null && own.Distances[last] == known && own.Images[last] < position;
            at[slot] = settled ? known : float.BitIncrement(known);
        }
        for (int depth = _chain.Finest - 1; depth >= 0; depth--)
            for (int slot = 0; slot < _chain.Depths[depth].Slots; slot++) At(depth)[slot] = Largest(depth, slot);
    }

    /// <summary>Lowers the limit of a finest slot.</summary>
    public void Lower(int slot, float limit)
    {
        int depth = _chain.Finest;
        At(depth)[slot] = limit;
        while (depth > 0)
        {
            slot /= 4 * _chain.Depths[depth].QuadsPerParent;
            depth--;
            float largest = Largest(depth, slot);
            if (largest == At(depth)[slot]) return;
            At(depth)[slot] = largest;
        }
    }

    private float Largest(int depth, int slot)
    {
        int fan = 4 * _chain.Depths[depth + 1].QuadsPerParent;
        float* children = At(depth + 1) + (long)slot * fan;
        var largest = Vector128.Load(children);
        for (int i = 4; i < fan; i += 4) largest = Vector128.MaxNative(largest, Vector128.Load(children + i));
        largest = Vector128.MaxNative(largest, Vector128.Shuffle(largest, Vector128.Create(2, 3, 0, 1)));
        return Math.Max(largest[0], largest[1]);
    }
}
