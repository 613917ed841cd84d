using System.Buffers;
using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Text.Json.Serialization;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Neighbors;

namespace SpadeCluster.Scoring;

/// <summary>
/// The usual distance at each gallery pixel: its distance to the other normals of the version. A distance of 5 is high where 1 is usual,
/// and normal where 5 is usual; scores divide distances by the usual ones. README.md in this folder says how the shares were chosen.
/// </summary>
public sealed class UsualDistances
{
    /// <summary>Weights of the matched gallery pixel's own distance and of the mean distance at the same position; the rest is the mean
    /// over all positions, which keeps the noise of a flat background from being amplified.</summary>
    public const double LocalShare = 0.1, PositionShare = 0.5;

    private const float LargestHalf = 65504;

    /// <summary>Means kept, one for each tile and size of photograph: a line has few. Further ones are computed each time.</summary>
    private const int KeptMeans = 64;

    private readonly Lazy<(double[] Sums, int[] Normals)[]> _positions;
    private readonly Lazy<Dictionary<ImageId, int>> _index;
    private readonly ConcurrentDictionary<(int Tile, TileFrame Own), double[]> _onPhotograph = new();

    public UsualDistances()
    {
        _positions = new(SumsOverImages);
        _index = new(IndexImages);
    }

    public required int Height { get; init; }
    public required int Width { get; init; }

    /// <summary>The normal photographs, ascending.</summary>
    public required IReadOnlyList<ImageId> Images { get; init; }

    /// <summary>Mean distance over all normals and positions.</summary>
    public required double Overall { get; init; }

    /// <summary>float16 [tile][image][y][x]: distance divided by <see cref="Overall"/>; NaN where a photograph that keeps its proportions
    /// leaves a tile free. (Galleries of earlier builds have a number there, and keep their scores.)</summary>
    public required byte[] Local { get; init; }

    /// <summary>Whether a position is one on the photograph, so that edges of photographs with other proportions are compared with edges.
    /// Otherwise it is a cell of the tile, which is the same for photographs that fill the tiles. (Galleries of earlier builds compare
    /// cells in any case, and keep their scores.)</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool OnPhotograph { get; init; }

    /// <param name="images">Ascending.</param>
    /// <param name="distances">[tile * images + image][y * width + x], leave-one-out; NaN outside the region of interest and where the
    /// photograph leaves the tile free.</param>
    /// <param name="onPhotograph"><see cref="OnPhotograph"/>: for photographs that keep their proportions.</param>
    public static UsualDistances From(int height, int width, IReadOnlyList<ImageId> images, IReadOnlyList<float[]> distances,
        bool onPhotograph = false)
    {
        double overall = Math.Max(distances.Where(d => !Array.TrueForAll(d, float.IsNaN))
            .Average(d => d.Where(v => !float.IsNaN(v)).Average(v => (double)v)), 1e-12);
        var local = new Half[distances.Count * height * width];
        int at = 0;
        foreach (var image in distances)
            foreach (float d in image) local[at++] = (Half)Math.Min(d / overall, (double)Half.MaxValue);
        return new UsualDistances
        {
            Height = height,
            Width = width,
            Images = images,
            Overall = overall,
            Local = MemoryMarshal.AsBytes<Half>(local).ToArray(),
            OnPhotograph = onPhotograph,
        };
    }

    /// <summary>Computes what does not depend on the image.</summary>
    public void Prepare()
    {
        _ = _index.Value;
        if (!OnPhotograph) _ = _positions.Value;
    }

    /// <summary>
    /// Distances of one image divided by the usual ones. For the score, which compares images, by those of the matched pixel and of the
    /// position; for the map, which compares pixels of one image, by those of the matched pixel alone, in units of distance. Computed after
    /// the search from the matches alone, so the number of shards does not matter.
    /// </summary>
    /// <param name="matches">On the finest grid, kappa distances a cell.</param>
    /// <param name="found">Tiles of normals at the matches' positions.</param>
    /// <param name="tile">The number of the tile that was searched.</param>
    /// <param name="grid">The tiles: a copy's usual distances are those of its photograph.</param>
    /// <param name="exclude">A normal that is left out of the usual distances, as it is left out of the gallery; null: none.</param>
    /// <param name="frames">The part of the grid that the image covers, and that which a normal covers; null: all cover the same.</param>
    public (float[] Score, float[] Map) Normalise(PixelMatches matches, IReadOnlyList<GalleryTile> found, int tile, TileGrid grid,
        ImageId? exclude, (TileFrame Own, Func<ImageId, TileFrame> Of)? frames = null)
    {
        int cells = Height * Width;
        int[] rows = [.. found.Select(f => grid.OnPhotograph(f.Tile, f.Orientation) * Images.Count + _index.Value[f.Photograph])];
        var local = MemoryMarshal.Cast<byte, Half>(Local);
        double[] positions = OnPhotograph && frames is { } f ? KeptPositions(tile, grid, f.Own, f.Of, exclude) : Positions(tile, exclude);
        var (score, map) = (new float[cells], new float[cells]);
        for (int cell = 0; cell < cells; cell++)
        {
            double position = positions[cell];
            double byScore = 0, byMap = 0;
            int n = 0;
            for (int r = cell * matches.Kappa; r < (cell + 1) * matches.Kappa && float.IsFinite(matches.Distances[r]); r++, n++)
            {
                int image = matches.Images[r], at = found[image].Orientation.ToPhotograph(matches.Cells[r], Width, Height);
                double near = (double)local[rows[image] * cells + at];
                if (double.IsNaN(near)) near = position;
                byScore += matches.Distances[r] / (1 - LocalShare - PositionShare + LocalShare * near + PositionShare * position);
                byMap += matches.Distances[r] / (1 - LocalShare + LocalShare * near);
            }
            (score[cell], map[cell]) = ((float)(byScore / (n * Overall)), (float)(byMap / n));
        }
        return (score, map);
    }

    private Dictionary<ImageId, int> IndexImages() => Images.Select((id, i) => (id, i)).ToDictionary(x => x.id, x => x.i);

    /// <returns>[y * width + x]: the mean of the normals at each cell of a tile; 1 where none covers it.</returns>
    private double[] Positions(int tile, ImageId? exclude)
    {
        var (sums, counts) = _positions.Value[tile];
        int cells = Height * Width, left = exclude is { } id ? (tile * Images.Count + _index.Value[id]) * cells : -1;
        var local = MemoryMarshal.Cast<byte, Half>(Local);
        var means = new double[cells];
        for (int cell = 0; cell < cells; cell++)
        {
            var (sum, normals) = (sums[cell], counts[cell]);
            if (left >= 0 && (double)local[left + cell] is var own && !double.IsNaN(own)) (sum, normals) = (sum - own, normals - 1);
            means[cell] = normals == 0 ? 1 : sum / normals;
        }
        return means;
    }

    private double[] KeptPositions(int tile, TileGrid grid, TileFrame own, Func<ImageId, TileFrame> frameOf, ImageId? exclude)
    {
        if (exclude is null && _onPhotograph.TryGetValue((tile, own), out double[]? kept)) return kept;
        double[] positions = PositionsOnPhotograph(tile, grid, own, frameOf, exclude);
        if (exclude is null && _onPhotograph.Count < KeptMeans) _onPhotograph.TryAdd((tile, own), positions);
        return positions;
    }

    /// <summary>As <see cref="Positions"/>, at the same place of the normals' photographs, whose proportions may differ.</summary>
    private double[] PositionsOnPhotograph(int tile, TileGrid grid, TileFrame own, Func<ImageId, TileFrame> frameOf, ImageId? exclude)
    {
        int cells = Height * Width;
        var local = MemoryMarshal.Cast<byte, Half>(Local);
        var (sums, normals) = (new double[cells], new int[cells]);
        var places = new Dictionary<TileFrame, ((int Tile, int Cell)[] Columns, (int Tile, int Cell)[] Rows)>();
        for (int i = 0; i < Images.Count; i++)
        {
            if (Images[i] == exclude) continue;
            var frame = frameOf(Images[i]);
            if (frame == own)
            {
                AddDistances(local.Slice((tile * Images.Count + i) * cells, cells), sums, normals);
                continue;
            }
            if (!places.TryGetValue(frame, out var place)) places[frame] = place = grid.CorrespondingCells(tile, own, frame, Width, Height);
            for (int y = 0, cell = 0; y < Height; y++)
            {
                var row = place.Rows[y];
                for (int x = 0; x < Width; x++, cell++)
                {
                    var column = place.Columns[x];
                    if (column.Tile < 0 || row.Tile < 0) continue;
                    double near = (double)local[((row.Tile + column.Tile) * Images.Count + i) * cells + row.Cell * Width + column.Cell];
                    if (double.IsNaN(near)) continue;
                    sums[cell] += near;
                    normals[cell]++;
                }
            }
        }
        return [.. sums.Zip(normals, (sum, n) => n == 0 ? 1 : sum / n)];
    }

    /// <returns>[tile], then [y * width + x]: the sums over the normals that have a distance there, and their numbers.</returns>
    private (double[] Sums, int[] Normals)[] SumsOverImages()
    {
        int cells = Height * Width;
        var local = MemoryMarshal.Cast<byte, Half>(Local);
        var tiles = new (double[] Sums, int[] Normals)[local.Length / (cells * Math.Max(1, Images.Count))];
        for (int tile = 0; tile < tiles.Length; tile++)
        {
            var (sums, normals) = tiles[tile] = (new double[cells], new int[cells]);
            for (int i = 0; i < Images.Count; i++)
                AddDistances(local.Slice((tile * Images.Count + i) * cells, cells), sums, normals);
        }
        return tiles;
    }

    private static void AddDistances(ReadOnlySpan<Half> local, Span<double> sums, Span<int> normals)
    {
        float[] near = ArrayPool<float>.Shared.Rent(local.Length);
        HalfConversion.Widen(local, near);
        for (int cell = 0; cell < local.Length; cell++)
        {
            // A NaN was widened to a NaN, or to a number above those of all halves.
            if (!(Math.Abs(near[cell]) <= LargestHalf)) continue;
            sums[cell] += near[cell];
            normals[cell]++;
        }
        ArrayPool<float>.Shared.Return(near);
    }
}
