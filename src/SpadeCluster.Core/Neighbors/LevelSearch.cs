using System.Collections.Concurrent;
using SpadeCluster.Features;

namespace SpadeCluster.Neighbors;

/// <summary>
/// The search of one level alone, for per-level fusion: first, in one image, the cells of smallest bound are evaluated to
/// learn limits; then every image is searched tile by tile.
/// </summary>
internal sealed unsafe class LevelSearch(PixelIndex index, LevelChain chain)
{
    /// <summary>Work items per thread at least, so that no thread waits long for the last one.</summary>
    private const int ItemsPerThread = 4;

    // Not a ConcurrentBag, as in ChainSearch.
    private readonly ConcurrentStack<Scratch> _pool = new();
    private readonly LevelChain.Depth _depth = chain.Depths[0];
    private readonly int _tiles = (chain.Depths[0].Slots + RootKernel.TileRows - 1) / RootKernel.TileRows;

    /// <param name="images">Ascending by position.</param>
    public PixelMatches Search(FeaturePyramid query, (int Position, PackedPyramid Image)[] images, PixelSearchOptions options, int threads,
        bool dense,
        CancellationToken cancellationToken, SearchStatistics? statistics)
    {
        if (!_pool.TryPop(out var scratch)) scratch = new Scratch(new LevelQuery(index, _depth), new float[_depth.Slots], []);
        scratch.Query.Prepare(query, threads, cancellationToken);
        Array.Fill(scratch.Shared, float.PositiveInfinity);
        while (scratch.Workers.Count < threads) scratch.Workers.Add(new LevelWorker(index, chain, scratch.Query));
        var found = new PixelMatches[threads];
        var window = options.Window is { } radius ? new SearchWindow(chain, index.Space.Shapes[0], radius) : null;
        for (int t = 0; t < threads; t++)
        {
            scratch.Workers[t].Start(scratch.Shared, dense, window);
            found[t] = new PixelMatches(_depth.Shape.Height, _depth.Shape.Width, options.Kappa);
        }

        // The pair of smallest bound may lie outside a window, and a window leaves little to prune.
        if (!dense && window is null && images.Length > 0 && index.Projection(_depth.Level) is not null)
            LearnLimits(scratch, images[images.Length / 2].Image, found, cancellationToken);
        int parts = threads == 1 ? 1 : Math.Clamp((ItemsPerThread * threads + images.Length - 1) / Math.Max(images.Length, 1), 1, _tiles);
        WorkSharing.Run(threads, images.Length * parts, cancellationToken, (t, item) =>
        {
            scratch.Workers[t].Enter(images[item / parts].Position, images[item / parts].Image, found[t]);
            VisitTiles(item % parts, parts, cancellationToken, scratch.Workers[t].Visit);
        });

        for (int t = 1; t < threads; t++) found[0].Merge(found[t]);
        statistics?.Add(chain, images.Length);
        foreach (var worker in scratch.Workers.Take(threads)) statistics?.Add(chain, worker.Counts);
        _pool.Push(scratch);
        return found[0];
    }

    private void VisitTiles(int part, int parts, CancellationToken cancellationToken, Action<int> visit)
    {
        for (int tile = part * _tiles / parts; tile < (part + 1) * _tiles / parts; tile++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            visit(tile * RootKernel.TileRows);
        }
    }

    /// <summary>
    /// Evaluates, per query slot, the gallery slot of least bound in each part of one image. Only the distances are kept:
    /// the matches themselves are found again later, in order.
    /// </summary>
    private void LearnLimits(Scratch scratch, PackedPyramid image, PixelMatches[] found, CancellationToken cancellationToken)
    {
        int threads = found.Length, kappa = found[0].Kappa, slots = scratch.Query.Slots;
        // As many parts as distances are needed, and some for the balance of threads.
        int parts = Math.Clamp(Math.Max(kappa, threads > 1 ? ItemsPerThread * threads : 1), 1, Math.Max(kappa, _tiles));
        using AlignedBuffer<float> least = new((long)parts * slots);
        using AlignedBuffer<int> leastAt = new((long)parts * slots);
        new Span<float>(least.Pointer, parts * slots).Fill(float.PositiveInfinity);
        WorkSharing.Run(threads, parts, cancellationToken, (t, part) =>
        {
            scratch.Workers[t].Enter(0, image, found[t]);
            VisitTiles(part, parts, cancellationToken, first =>
                scratch.Workers[t].Seed(first, least.Pointer + (long)part * slots, leastAt.Pointer + (long)part * slots));
        });
        WorkSharing.Run(threads, _depth.Slots, cancellationToken, (t, slot) =>
        {
            if (_depth.Cells[slot] < 0) return;
            var nearest = new PixelMatches(1, 1, kappa);
            for (int part = 0; part < parts; part++)
            {
                long at = (long)part * slots + slot;
                if (least.Pointer[at] < float.PositiveInfinity)
                    nearest.Offer(0, scratch.Workers[t].Distance(image, leastAt.Pointer[at], slot), part, 0);
            }
            scratch.Shared[slot] = nearest.Distances[kappa - 1];
        });
    }

    /// <summary>The memory of one running search, reused by later ones.</summary>
    /// <param name="Shared">[slot]: upper bounds of the final distances.</param>
    private sealed record Scratch(LevelQuery Query, float[] Shared, List<LevelWorker> Workers);
}
