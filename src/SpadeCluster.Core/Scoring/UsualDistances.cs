using System.Runtime.InteropServices;
using SpadeCluster.Galleries;
using SpadeCluster.Neighbors;

namespace SpadeCluster.Scoring;

/// <summary>
/// What is usual among a version's normals: each gallery pixel's distance to the other normals, its image left out. A distance
/// of 5 is much where 1 is usual, and nothing where 5 is. README.md in this folder tells how the shares were chosen.
/// </summary>
public sealed class UsualDistances
{
    /// <summary>How much the matched gallery pixel's own distance, and the mean distance at the same position, count in what is usual;
    /// the rest is the mean over all positions, which keeps flat background from being rated by its noise.</summary>
    public const double LocalShare = 0.1, PositionShare = 0.5;

    private readonly Lazy<double[][]> _sums;

    public UsualDistances() => _sums = new(SumsOverImages);

    public required int Height { get; init; }
    public required int Width { get; init; }

    /// <summary>The normal photographs, ascending.</summary>
    public required IReadOnlyList<ImageId> Images { get; init; }

    /// <summary>Mean distance over all normals and positions.</summary>
    public required double Overall { get; init; }

    /// <summary>float16 [tile][image][y][x]: distance divided by <see cref="Overall"/>.</summary>
    public required byte[] Local { get; init; }

    /// <param name="images">Ascending.</param>
    /// <param name="distances">[tile * images + image][y * width + x], leave-one-out; NaN outside the region of interest.</param>
    public static UsualDistances From(int height, int width, IReadOnlyList<ImageId> images, IReadOnlyList<float[]> distances)
    {
        // Outside a region of interest there are no distances.
        double overall = Math.Max(distances.Average(d => d.Where(v => !float.IsNaN(v)).Average(v => (double)v)), 1e-12);
        var local = new Half[distances.Count * height * width];
        int at = 0;
        foreach (var image in distances)
            foreach (float d in image) local[at++] = float.IsNaN(d) ? Half.Zero : (Half)Math.Min(d / overall, (double)Half.MaxValue);
        return new UsualDistances
        {
            Height = height,
            Width = width,
            Images = images,
            Overall = overall,
            Local = MemoryMarshal.AsBytes<Half>(local).ToArray()
        };
    }

    /// <summary>
    /// Distances of one image as multiples of what is usual. First for the score, which compares images: set against matched
    /// pixel and position. Then for the map, which compares pixels of one image: against the matched pixel alone, in units of distance.
    /// Computed after the search, from the matches alone, so shards do not matter.
    /// </summary>
    /// <param name="matches">On the finest grid, kappa distances a cell.</param>
    /// <param name="found">Tiles of normals at the matches' positions.</param>
    /// <param name="tile">Which tile of its photograph was searched.</param>
    /// <param name="exclude">A normal left out of what is usual, as it is left out of the gallery; null: none.</param>
    public (float[] Score, float[] Map) Normalise(PixelMatches matches, IReadOnlyList<GalleryTile> found, int tile, ImageId? exclude)
    {
        int cells = Height * Width;
        var index = Images.Select((id, i) => (id, i)).ToDictionary(x => x.id, x => x.i);
        int[] rows = [.. found.Select(f => f.Tile * Images.Count + index[f.Photograph])];
        var local = MemoryMarshal.Cast<byte, Half>(Local);
        double[] sums = _sums.Value[tile];
        int left = exclude is { } id ? tile * Images.Count + index[id] : -1, normals = Images.Count - (left < 0 ? 0 : 1);
        var (score, map) = (new float[cells], new float[cells]);
        for (int cell = 0; cell < cells; cell++)
        {
            double position = (sums[cell] - (left < 0 ? 0 : (double)local[left * cells + cell])) / normals;
            double byScore = 0, byMap = 0;
            int n = 0;
            for (int r = cell * matches.Kappa; r < (cell + 1) * matches.Kappa && float.IsFinite(matches.Distances[r]); r++, n++)
            {
                double near = (double)local[rows[matches.Images[r]] * cells + matches.Cells[r]];
                byScore += matches.Distances[r] / (1 - LocalShare - PositionShare + LocalShare * near + PositionShare * position);
                byMap += matches.Distances[r] / (1 - LocalShare + LocalShare * near);
            }
            (score[cell], map[cell]) = ((float)(byScore / (n * Overall)), (float)(byMap / n));
        }
        return (score, map);
    }

    /// <returns>[tile][y * width + x].</returns>
    private double[][] SumsOverImages()
    {
        int cells = Height * Width;
        var local = MemoryMarshal.Cast<byte, Half>(Local);
        var sums = new double[local.Length / (cells * Math.Max(1, Images.Count))][];
        for (int tile = 0, at = 0; tile < sums.Length; tile++)
        {
            sums[tile] = new double[cells];
            for (int i = 0; i < Images.Count * cells; i++, at++) sums[tile][i % cells] += (double)local[at];
        }
        return sums;
    }
}
