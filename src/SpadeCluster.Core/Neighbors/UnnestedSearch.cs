using SpadeCluster.Features;

namespace SpadeCluster.Neighbors;

/// <summary>
/// The search where one level does not divide the next (for example 12x12, 6x6, 4x4), so that there is no hierarchy. Per image, all pairs
/// of the coarser levels are evaluated by the definition, and a finest pair only when their sum is still below its limit.
/// </summary>
internal static unsafe class UnnestedSearch
{
    /// <param name="levels">Ascending: finest first.</param>
    public static PixelMatches Search(PixelIndex index, int[] levels, FeaturePyramid query, (int Position, PackedPyramid Image)[] images,
        PixelSearchOptions options, int threads, CancellationToken cancellationToken)
    {
        var chain = new LevelChain(index.Space, null, levels);
        var grid = chain.Depths[chain.Finest].Shape;
        var found = new PixelMatches[threads];
        for (int t = 0; t < threads; t++) found[t] = new PixelMatches(grid.Height, grid.Width, options.Kappa);
        var window = options.Window is { } radius ? new SearchWindow(chain, index.Space.Shapes[0], radius) : null;
        AlignedBuffer<float>[] queryRows = [.. chain.Depths.Select(d => Widen(query, d))];
        WorkSharing.Run(threads, images.Length, cancellationToken, (t, i) =>
        {
            var (position, image) = images[i];
            float[]?[] coarse = [.. chain.Depths.Take(chain.Finest)
                .Select((d, k) => AllPairs(index, d, queryRows[k].Pointer, image.Features, cancellationToken))];
            SearchImage(index, chain, window, coarse, queryRows[^1].Pointer, image.Features, position, found[t], cancellationToken);
        });
        for (int t = 1; t < threads; t++) found[0].Merge(found[t]);
        GC.KeepAlive(queryRows);
        return found[0];
    }

    private static void SearchImage(PixelIndex index, LevelChain chain, SearchWindow? window, float[]?[] coarse, float* queryRows,
        FeaturePyramid image,
        int position, PixelMatches found, CancellationToken cancellationToken)
    {
        var finest = chain.Depths[^1];
        var grid = finest.Shape;
        using var rows = Widen(image, finest);
        float* weights = index.Weights[finest.Level] is { } w ? w.Pointer : null;
        int[][] cells = [.. chain.Depths.Select(d => CoarseCells(grid, d.Shape))];
        for (int p = 0; p < grid.Cells; p++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (finest.Cells[p] < 0) continue;
            for (int g = 0; g < grid.Cells; g++)
            {
                if (finest.Cells[g] < 0 || window?.Allows(chain.Finest, g, p) == false) continue;
                float sum = 0;
                for (int d = 0; d < coarse.Length; d++) sum += coarse[d]![cells[d][p] * chain.Depths[d].Shape.Cells + cells[d][g]];
                if (sum > found.Distances[(p + 1) * found.Kappa - 1]) continue;
                sum += PixelDistance.Squared(queryRows + (long)p * finest.RowLength, rows.Pointer + (long)g * finest.RowLength, weights,
                    finest.RowLength, index.Path);
                found.Offer(p, sum, position, g);
            }
        }
    }

    /// <summary>[query cell][gallery cell] of one level.</summary>
    private static float[] AllPairs(PixelIndex index, LevelChain.Depth depth, float* queryRows, FeaturePyramid image,
        CancellationToken cancellationToken)
    {
        int cells = depth.Shape.Cells;
        var distances = new float[cells * cells];
        using var rows = Widen(image, depth);
        float* weights = index.Weights[depth.Level] is { } w ? w.Pointer : null;
        for (int p = 0; p < cells; p++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            for (int g = 0; g < cells; g++)
                distances[p * cells + g] =
                    PixelDistance.Squared(queryRows + (long)p * depth.RowLength, rows.Pointer + (long)g * depth.RowLength, weights,
                        depth.RowLength, index.Path);
        }
        return distances;
    }

    private static int[] CoarseCells(LevelShape grid, LevelShape coarse) =>
        [.. Enumerable.Range(0, grid.Cells)
            .Select(c => c / grid.Width * coarse.Height / grid.Height * coarse.Width + c % grid.Width * coarse.Width / grid.Width)];

    private static AlignedBuffer<float> Widen(FeaturePyramid pyramid, LevelChain.Depth depth)
    {
        var rows = new AlignedBuffer<float>((long)depth.Shape.Cells * depth.RowLength);
        int channels = depth.Shape.Channels;
        for (int cell = 0; cell < depth.Shape.Cells; cell++)
            HalfConversion.Widen(pyramid.Level(depth.Level).Slice(cell * channels, channels),
                new Span<float>(rows.Pointer + (long)cell * depth.RowLength, channels));
        return rows;
    }
}
