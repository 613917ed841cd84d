using SpadeCluster.Features;
using SpadeCluster.Neighbors;

namespace SpadeCluster.Evaluation;

/// <summary>Patch features of all normals, or a coreset of them, and the exact search in them.</summary>
internal sealed class MemoryBank
{
    private const int Lanes = 16, RowsPerItem = 64;

    private readonly float[] _rows, _norms;

    /// <param name="pyramids">The normals.</param>
    /// <param name="coreset">Share of the patches that is kept.</param>
    public MemoryBank(IReadOnlyList<FeaturePyramid> pyramids, double coreset, int seed, int threads, CancellationToken cancellationToken)
    {
        var shapes = PatchFeatures.Shapes(pyramids[0].Shapes);
        (Height, Width) = (shapes[0].Height, shapes[0].Width);
        Length = (shapes.Sum(s => s.Channels) + Lanes - 1) / Lanes * Lanes;
        int perImage = Height * Width * Length;
        if ((long)perImage * pyramids.Count > Array.MaxLength)
            throw new SpadeException(SpadeError.ResourceExhausted,
                $"the patches of {pyramids.Count} normals take {4e-9 * perImage * pyramids.Count:0.0} GB, more than the patchcore recipe "
                + $"can hold: evaluate it with {Array.MaxLength / perImage} normals or fewer");
        var all = new float[perImage * pyramids.Count];
        WorkSharing.Run(threads, pyramids.Count, cancellationToken, (_, i) =>
            PatchFeatures.Write(pyramids[i], all.AsSpan(i * perImage, perImage), Length));
        Sources = Coreset.Select(all, Length, coreset, seed, threads, cancellationToken);
        // Copying in place is safe: a chosen row never moves to a higher index.
        for (int row = 0; row < Sources.Length; row++) Array.Copy(all, Sources[row] * Length, all, row * Length, Length);
        // Rows of zeros fill the last tile of four; the search skips them.
        Array.Resize(ref all, Math.Max((Sources.Length + DotProducts.Tile - 1) / DotProducts.Tile * DotProducts.Tile, 1) * Length);
        all.AsSpan(Sources.Length * Length).Clear();
        _rows = all;
        _norms = [.. Enumerable.Range(0, Sources.Length).Select(row => DotProducts.Of(Row(row), Row(row)))];
    }

    public int Height { get; }
    public int Width { get; }

    /// <summary>Values of a row.</summary>
    public int Length { get; }

    /// <summary>[row]: image * Height * Width + cell, ascending.</summary>
    public int[] Sources { get; }

    public long Bytes => 4L * (_rows.Length + _norms.Length + Sources.Length);

    public ReadOnlySpan<float> Row(int row) => _rows.AsSpan(row * Length, Length);

    /// <summary>Each patch's nearest row; ties go to the lowest row.</summary>
    /// <param name="patches">[cell][Length], four cells at least.</param>
    /// <param name="excluded">A normal that is left out; -1: none.</param>
    public unsafe int[] Nearest(float[] patches, int excluded, int threads, CancellationToken cancellationToken)
    {
        int cells = patches.Length / Length, count = Sources.Length;
        var (from, to) = Rows(excluded);
        var found = new (float Distance, int Row)[Math.Max(threads, 1)][];
        WorkSharing.Run(threads, (count + RowsPerItem - 1) / RowsPerItem, cancellationToken, (worker, item) =>
        {
            var mine = found[worker] ??= [.. Enumerable.Repeat((float.PositiveInfinity, int.MaxValue), cells)];
            Span<float> products = stackalloc float[DotProducts.Tile * DotProducts.Tile];
            int end = Math.Min(count, (item + 1) * RowsPerItem);
            fixed (float* p = patches, rows = _rows)
            {
                // The last tile overlaps the one before it where the cells are no whole number of tiles.
                for (int cell = 0; cell < cells; cell += DotProducts.Tile)
                {
                    int first = Math.Min(cell, cells - DotProducts.Tile);
                    for (int row = item * RowsPerItem; row < end; row += DotProducts.Tile)
                    {
                        DotProducts.OfTile(p + first * Length, rows + (long)row * Length, Length, products);
                        for (int i = 0; i < products.Length; i++)
                        {
                            int r = row + i % DotProducts.Tile;
                            if (r >= count || (r >= from && r < to)) continue;
                            // The patch's own norm is the same for all rows.
                            float d = _norms[r] - 2 * products[i];
                            ref var best = ref mine[first + i / DotProducts.Tile];
                            if (d < best.Distance || (d == best.Distance && r < best.Row)) best = (d, r);
                        }
                    }
                }
            }
        });
        return [.. Enumerable.Range(0, cells).Select(cell => found.Where(f => f is not null).Select(f => f[cell]).Min().Row)];
    }

    /// <summary>A row's nearest rows, itself among them, ascending.</summary>
    public int[] Neighbourhood(int row, int count, int excluded)
    {
        var (from, to) = Rows(excluded);
        return [.. Enumerable.Range(0, Sources.Length).Where(r => r < from || r >= to)
            .Select(r => (PixelDistance.Squared(Row(row), Row(r), []), r)).Order().Take(count).Select(x => x.r)];
    }

    /// <summary>An image's rows.</summary>
    private (int From, int To) Rows(int image)
    {
        if (image < 0) return (0, 0);
        int First(int source) => Array.BinarySearch(Sources, source) is >= 0 and var at ? at : ~Array.BinarySearch(Sources, source);
        return (First(image * Height * Width), First((image + 1) * Height * Width));
    }
}
