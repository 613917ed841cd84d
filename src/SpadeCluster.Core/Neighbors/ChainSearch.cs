using System.Collections.Concurrent;
using System.Runtime.Intrinsics;
using SpadeCluster.Features;

namespace SpadeCluster.Neighbors;

/// <summary>
/// The search over a chain of two levels or more. Images go through in groups whose root bounds fit the scratch:
/// (1) root bounds of every pair of root cells; (2) seeds: per query root cell, the gallery cells of smallest bound are
/// searched, only to learn limits; (3) every image, pruned by these limits, which shrink on the way.
/// </summary>
internal sealed unsafe class ChainSearch(PixelIndex index, LevelChain chain)
{
    private const long GroupBytes = 16 << 20;
    private const int Seeds = 3;

    /// <summary>Work items per thread at least, so that no thread waits long for the last one.</summary>
    private const int ItemsPerThread = 4;

    // Not a ConcurrentBag: its items stay reachable from the threads that used it, and they refer to the index, which would
    // then never be collected.
    private readonly ConcurrentStack<SearchScratch> _pool = new();
    private readonly int _slots = chain.Depths[0].Slots;
    private readonly int _tiles = (chain.Depths[0].Slots + RootKernel.TileRows - 1) / RootKernel.TileRows;
    private readonly int _stride = (chain.Depths[0].Slots + RootKernel.Group - 1) / RootKernel.Group * RootKernel.Group;

    /// <param name="images">Ascending by position.</param>
    public PixelMatches Search(FeaturePyramid query, (int Position, PackedPyramid Image)[] images, PixelSearchOptions options, int threads,
        bool dense,
        CancellationToken cancellationToken, SearchStatistics? statistics)
    {
        var grid = chain.Depths[chain.Finest].Shape;
        if (!_pool.TryPop(out var scratch)) scratch = new SearchScratch(index, chain);
        scratch.Query.Prepare(query, threads, cancellationToken);
        Array.Fill(scratch.Shared, float.PositiveInfinity);
        scratch.EnsureWorkers(threads);
        int kappa = options.Kappa;
        var run = new Run(scratch, new PixelMatches[threads], threads, kappa, dense, cancellationToken);
        var window = options.Window is { } radius ? new SearchWindow(chain, index.Space.Shapes[0], radius) : null;
        var root = window?.Root(_stride);
        for (int t = 0; t < threads; t++)
        {
            scratch.Workers[t].Start(scratch.Shared, dense, window, root);
            run.Found[t] = new PixelMatches(grid.Height, grid.Width, kappa);
        }

        int size = (int)Math.Clamp(GroupBytes / (4L * _slots * _stride), 1, 1 << 20);
        foreach (var group in images.Chunk(size)) SearchGroup(run, group);

        for (int t = 1; t < threads; t++) run.Found[0].Merge(run.Found[t]);
        statistics?.Add(chain, images.Length);
        foreach (var worker in scratch.Workers.Take(threads)) statistics?.Add(chain, worker.Counts);
        _pool.Push(scratch);
        return run.Found[0];
    }

    private sealed record Run(SearchScratch Scratch, PixelMatches[] Found, int Threads, int Kappa, bool Dense,
        CancellationToken CancellationToken)
    {
        public int Parts(int images, int most) => Math.Clamp((ItemsPerThread * Threads + images - 1) / images, 1, most);
    }

    private void SearchGroup(Run run, (int Position, PackedPyramid Image)[] images)
    {
        var scratch = run.Scratch;
        int parts = run.Threads == 1 ? 1 : run.Parts(images.Length, _tiles);
        long perImage = (long)_slots * _stride;
        scratch.EnsureRoot(images.Length * perImage, (long)images.Length * parts * _stride);

        WorkSharing.Run(run.Threads, images.Length * parts, run.CancellationToken, (t, item) =>
        {
            var worker = scratch.Workers[t];
            worker.Enter(images[item / parts].Position, images[item / parts].Image, run.Found[t]);
            float* least = scratch.Least + (long)item * _stride;
            int* leastAt = scratch.LeastAt + (long)item * _stride;
            new Span<float>(least, _stride).Fill(float.PositiveInfinity);
            for (int tile = item % parts * _tiles / parts; tile < (item % parts + 1) * _tiles / parts; tile++)
            {
                run.CancellationToken.ThrowIfCancellationRequested();
                int first = tile * RootKernel.TileRows;
                float* bounds = scratch.Root + item / parts * perImage + (long)first * _stride;
                int count = worker.BoundTile(first, bounds);
                for (int r = 0; r < count; r++)
                    if (chain.Depths[0].Cells[first + r] >= 0) Minimum(bounds + (long)r * _stride, first + r, least, leastAt);
            }
        });

        if (!run.Dense) LearnLimits(run, images, parts);

        WorkSharing.Run(run.Threads, images.Length * parts, run.CancellationToken, (t, item) =>
        {
            var worker = scratch.Workers[t];
            var (position, image) = images[item / parts];
            worker.Limits.Refresh(scratch.Shared, run.Found[t], position);
            worker.Enter(position, image, run.Found[t]);
            float* bounds = scratch.Root + item / parts * perImage;
            for (int q = item % parts * _slots / parts; q < (item % parts + 1) * _slots / parts; q++)
            {
                run.CancellationToken.ThrowIfCancellationRequested();
                if (chain.Depths[0].Cells[q] >= 0) worker.VisitRoot(q, bounds + (long)q * _stride, _stride);
            }
        });
    }

    /// <summary>
    /// Searches, per query root cell, the gallery cells of smallest root bound, one per image. Only the limits are kept:
    /// the matches themselves are found again later, in order.
    /// </summary>
    private void LearnLimits(Run run, (int Position, PackedPyramid Image)[] images, int parts)
    {
        var (scratch, grid) = (run.Scratch, chain.Depths[chain.Finest].Shape);
        var found = new PixelMatches?[run.Threads];
        int candidates = images.Length * parts, seeds = Math.Min(Seeds, candidates);
        WorkSharing.Run(run.Threads, _slots, run.CancellationToken, (t, p) =>
        {
            if (chain.Depths[0].Cells[p] < 0) return;
            var worker = scratch.Workers[t];
            if (found[t] is null)
            {
                found[t] = new PixelMatches(grid.Height, grid.Width, run.Kappa);
                worker.Limits.Refresh(scratch.Shared, null, 0);
            }
            Span<int> order = stackalloc int[Seeds];
            int count = 0;
            for (int c = 0; c < candidates; c++)
            {
                float bound = scratch.Least[(long)c * _stride + p];
                if (count == seeds && bound >= scratch.Least[(long)order[count - 1] * _stride + p]) continue;
                int at = count < seeds ? count++ : count - 1;
                for (; at > 0 && bound < scratch.Least[(long)order[at - 1] * _stride + p]; at--) order[at] = order[at - 1];
                order[at] = c;
            }
            for (int s = 0; s < count; s++)
            {
                var (position, image) = images[order[s] / parts];
                worker.Enter(position, image, found[t]!);
                long at = (long)order[s] * _stride + p;
                if (scratch.Least[at] < float.PositiveInfinity) worker.VisitPair(scratch.LeastAt[at], p, scratch.Least[at]);
            }
        });
    }

    private void Minimum(float* bounds, int slot, float* least, int* leastAt)
    {
        for (int i = 0; i < _stride; i += 8)
        {
            Vector256<float> bound = Vector256.Load(bounds + i), known = Vector256.Load(least + i);
            var less = Vector256.LessThan(bound, known);
            Vector256.ConditionalSelect(less, bound, known).Store(least + i);
            Vector256.ConditionalSelect(less.AsInt32(), Vector256.Create(slot), Vector256.Load(leastAt + i)).Store(leastAt + i);
        }
    }
}
