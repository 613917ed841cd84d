using System.Numerics;
using System.Runtime.Intrinsics;

namespace SpadeCluster.Neighbors;

/// <summary>Work done at one depth: pairs by kind of comparison, and gallery bytes read.</summary>
internal struct SearchCounts
{
    public long Sketched, Projected, Bounded, Exact, Bytes;
}

/// <summary>
/// What a <see cref="ChainWorker"/> holds at one depth: the query slots listed under one gallery slot, and before that the
/// entries (query quads) under one gallery quad that the block kernel bounds.
/// </summary>
internal sealed unsafe class CandidateList
{
    private readonly AlignedBuffer<float> _floats, _rows;
    private readonly AlignedBuffer<int> _ints;
    private readonly AlignedBuffer<ushort> _live;

    public CandidateList(LevelChain.Depth shape, int depth, int sketchLength)
    {
        Depth = depth;
        int slots = shape.Slots, quads = (slots + 3) / 4;
        _floats = new AlignedBuffer<float>(2L * slots + 17L * quads + 48);
        _ints = new AlignedBuffer<int>(2L * slots + 3L * quads);
        _live = new AlignedBuffer<ushort>(quads);
        _rows = new AlignedBuffer<float>(3L * shape.RowLength);
        Gallery = new BlockKernel.Gallery(depth == 0 ? 0 : Math.Max(shape.RowLength, sketchLength) / 2);
        Bounds = _floats.Pointer;
        Coarse = Bounds + 16L * quads;
        Sums = Coarse + quads;
        Exact = Sums + slots;
        Quads = _ints.Pointer;
        Parents = Quads + quads;
        Entries = Parents + quads;
        Slots = Entries + quads;
        Ancestors = Slots + slots;
    }

    public int Depth { get; }

    // The list under one gallery slot.
    public int GallerySlot, Count;

    /// <summary>Whether the bounds in <see cref="Sums"/> came from sketches and gain from being evaluated.</summary>
    public bool Sketched;

    /// <summary>[n]: the query slot and its parent's index in the list above.</summary>
    public readonly int* Slots, Ancestors;

    /// <summary>[n]: the best lower bound of the sum of the levels so far; that sum itself, or NaN while unknown.</summary>
    public readonly float* Sums, Exact;

    /// <summary>The gallery slot's row, widened, once <see cref="RowReady"/>.</summary>
    public float* Row => _rows.Pointer;
    public bool RowReady;

    // The entries under one gallery quad.
    public BlockKernel.Gallery Gallery { get; }

    /// <summary>[entry]: the query quad and its parent's index in the list above; after compaction also the original entry
    /// number.</summary>
    public readonly int* Quads, Parents, Entries;

    /// <summary>[entry]: the bound of the coarser levels; and the 16 bounds of this level.</summary>
    public readonly float* Coarse, Bounds;

    /// <summary>[entry]: lanes below their limit.</summary>
    public ushort* Live => _live.Pointer;

    /// <summary>Scratch for expanding rows: one in float32, one in int16.</summary>
    public float* Scratch => _rows.Pointer + (_rows.Length / 3);
    public short* Codes => (short*)(_rows.Pointer + (_rows.Length / 3 * 2));

    public void Set(int n, int slot, float sum, int ancestor) =>
        (Slots[n], Sums[n], Ancestors[n], Exact[n]) = (slot, sum, ancestor, float.NaN);

    /// <summary>Adds the children of all cells listed in <paramref name="parent"/>; returns the number of entries.</summary>
    /// <param name="fan">Quads under one slot of the parent.</param>
    public int SetEntries(CandidateList parent, int fan)
    {
        int entries = 0;
        for (int n = 0; n < parent.Count; n++)
            for (int k = 0; k < fan; k++, entries++)
                (Quads[entries], Coarse[entries], Parents[entries]) = (parent.Slots[n] * fan + k, parent.Sums[n], n);
        return entries;
    }

    /// <summary>Moves the entries with live lanes to the front, without their bounds; returns how many there are.</summary>
    public int CompactLive(int entries)
    {
        int n = 0;
        for (int from = 0; from < entries; from += 16)
        {
            uint live = ~Vector256.Equals(Vector256.Load(Live + from), Vector256<ushort>.Zero).ExtractMostSignificantBits() & 0xFFFF;
            if (entries - from < 16) live &= (1u << (entries - from)) - 1;
            for (; live != 0; live &= live - 1)
            {
                int e = from + BitOperations.TrailingZeroCount(live);
                (Live[n], Quads[n], Parents[n], Entries[n]) = (Live[e], Quads[e], Parents[e], e);
                n++;
            }
        }
        return n;
    }

    public void MoveEntry(int from, int to, ushort live) =>
        (Live[to], Quads[to], Parents[to], Entries[to]) = (live, Quads[from], Parents[from], Entries[from]);
}
