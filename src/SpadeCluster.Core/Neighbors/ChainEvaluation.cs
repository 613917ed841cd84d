using SpadeCluster.Features;

namespace SpadeCluster.Neighbors;

/// <summary>
/// The exact side of one thread's search: distances of listed pairs by the definition (<see cref="PixelDistance"/>), each
/// computed at most once, and the matches and limits that follow from them. <see cref="ChainWorker"/> decides which pairs.
/// </summary>
internal sealed unsafe class ChainEvaluation(
    PixelIndex index, LevelChain chain, PreparedQuery query, CandidateList[] lists, Limits limits, SearchCounts[] counts)
{
    private PackedPyramid _image = null!;
    private int _position;
    private float[] _shared = null!;
    private PixelMatches _matches = null!;

    /// <param name="shared">[finest slot]: upper bounds of the final distances, shared by all threads.</param>
    public void Start(float[] shared) => _shared = shared;

    /// <summary>Turns to one gallery image; candidates go to <paramref name="matches"/>.</summary>
    public void Enter(int position, PackedPyramid image, PixelMatches matches) =>
        (_position, _image, _matches) = (position, image, matches);

    /// <summary>Evaluates the finest list and offers what is below its limit; limits shrink accordingly.</summary>
    public void EvaluateFinest()
    {
        int depth = chain.Finest;
        var list = lists[depth];
        int[] cells = chain.Depths[depth].Cells;
        int galleryCell = cells[list.GallerySlot], rowBytes = sizeof(float) * chain.Depths[depth].RowLength;
        float* below = limits.At(depth);
        for (int n = 0; n < list.Count; n++)
        {
            int slot = list.Slots[n];
            if (n + 1 < list.Count) Prefetch.Bytes(query.Row(depth, cells[list.Slots[n + 1]]), rowBytes);
            if (list.Sums[n] >= below[slot]) continue;
            float distance = Evaluate(depth, n);
            if (distance >= below[slot]) continue;
            int cell = cells[slot], last = cell * _matches.Kappa + _matches.Kappa - 1;
            _matches.Offer(cell, distance, _position, galleryCell);
            float known = _matches.Distances[last];
            if (known < _shared[slot]) _shared[slot] = known;
            if (float.BitIncrement(known) is var limit && limit < below[slot]) limits.Lower(slot, limit);
        }
    }

    /// <summary>The exact sum of all levels down to <paramref name="depth"/> of listed pair <paramref name="n"/>.</summary>
    public float Evaluate(int depth, int n)
    {
        var list = lists[depth];
        if (!float.IsNaN(list.Exact[n])) return list.Exact[n];
        var shape = chain.Depths[depth];
        int channels = shape.Shape.Channels;
        float* weights = index.Weights[shape.Level] is { } w ? w.Pointer : null;
        float* row = query.Row(depth, shape.Cells[list.Slots[n]]);
        if (!list.RowReady)
        {
            HalfConversion.Widen(_image.Features.Level(shape.Level).Slice(shape.Cells[list.GallerySlot] * channels, channels),
                new Span<float>(list.Row, channels));
            list.RowReady = true;
            counts[depth].Bytes += 2L * channels;
        }
        float own = PixelDistance.Squared(row, list.Row, weights, shape.RowLength, index.Path);
        counts[depth].Exact++;
        // 0 + own is own, so the sum starts with the coarsest level, as the definition says.
        return list.Exact[n] = depth == 0 ? own : Evaluate(depth - 1, list.Ancestors[n]) + own;
    }
}
