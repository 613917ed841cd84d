using System.Numerics;
using SpadeCluster.Features;
using SpadeCluster.Neighbors;

namespace SpadeCluster.Scoring;

/// <summary>For every input pixel, the smoothed squared distance to the nearest features of the normals.</summary>
public sealed class AnomalyMap
{
    /// <summary><see cref="Score"/> is the mean of this share of highest pixels. It is a share of one model input for any number of tiles,
    /// so that a small defect has the same effect on a large part as on a small one.</summary>
    public const double ScoreShare = 0.01;

    /// <param name="pixels">Number of pixels of one tile that the photograph and the region of interest cover; null: the number of
    /// values.</param>
    internal AnomalyMap(int width, int height, float[] values, int? pixels = null)
    {
        (Width, Height, Values, Pixels) = (width, height, values, pixels ?? values.Length);
        float[] highest = Highest(ScoreShare);
        (Max, Score) = (highest[^1], Mean(highest));
    }

    public int Width { get; }
    public int Height { get; }

    /// <summary>[y][x].</summary>
    public float[] Values { get; }

    public double Max { get; }

    /// <summary>Number of pixels that <see cref="ScoreShare"/> refers to.</summary>
    internal int Pixels { get; }

    /// <summary>Mean of the highest 1 % of pixels. It is the image's score only where distances are not normalised. Where they are (the
    /// default), <see cref="ScoreResult.Score"/> is the mean of the highest 2 % of another map: <see cref="ScoringCoordinator"/>.</summary>
    public double Score { get; }

    /// <summary>The mask of pixels above a threshold, [y][x].</summary>
    public bool[] Above(double threshold) => [.. Values.Select(v => v > threshold)];

    /// <summary>Builds the map: mean over kappa, levels summed on the finest grid, enlarged to the input, smoothed.</summary>
    public static AnomalyMap From(IReadOnlyList<PixelMatches> matches, int width, int height, GaussianFilter smoothing)
    {
        var tiles = new TileGrid(width, height);
        return From([Sum(matches)], matches[0].Height, matches[0].Width, tiles, tiles.Frame(0, 0), smoothing);
    }

    /// <summary>One map of all tiles: blended, enlarged to the input, cut to the part that the photograph covers, and smoothed. The
    /// whole photograph's map is enlarged and smoothed at its own scale, then averaged with it.</summary>
    /// <param name="cells">[tile][gridHeight * gridWidth], one value per cell; NaN outside the region of interest, where the
    /// map is 0.</param>
    internal static AnomalyMap From(IReadOnlyList<float[]> cells, int gridHeight, int gridWidth, TileGrid tiles, TileFrame frame,
        GaussianFilter smoothing)
    {
        var (blended, rows, columns) = tiles.Blend(cells, gridHeight, gridWidth);
        float[] values = RegionOfInterest.Enlarge(blended, rows, columns, tiles.Height, tiles.Width);
        if (frame != new TileFrame(0, 0, tiles.Width, tiles.Height))
        {
            var covered = new float[frame.Height * frame.Width];
            for (int y = 0; y < frame.Height; y++)
                values.AsSpan((frame.Y + y) * tiles.Width + frame.X, frame.Width).CopyTo(covered.AsSpan(y * frame.Width));
            values = covered;
        }
        RegionOfInterest.Smooth(values, frame.Height, frame.Width, smoothing);
        if (tiles.Whole)
        {
            float[] whole = RegionOfInterest.Enlarge(cells[^1], gridHeight, gridWidth, tiles.TileHeight, tiles.TileWidth);
            RegionOfInterest.Smooth(whole, tiles.TileHeight, tiles.TileWidth, smoothing);
            whole = RegionOfInterest.Enlarge(whole, tiles.TileHeight, tiles.TileWidth, frame.Height, frame.Width);
            float weight = tiles.WholeWeight;
            // Its cells are coarser: at the edge of a region of interest, a pixel may be outside in it alone.
            for (int i = 0; i < values.Length; i++)
                if (!float.IsNaN(whole[i])) values[i] = weight * whole[i] + (1 - weight) * values[i];
        }
        double covers = (double)RegionOfInterest.ZeroOutside(values) / (tiles.Width * tiles.Height);
        return new AnomalyMap(frame.Width, frame.Height, values, (int)Math.Ceiling(covers * tiles.TileWidth * tiles.TileHeight));
    }

    /// <summary>Mean over kappa, levels summed on the finest grid.</summary>
    internal static float[] Sum(IReadOnlyList<PixelMatches> matches)
    {
        var grid = new float[matches[0].Height * matches[0].Width];
        foreach (var m in matches)
        {
            float[] level = RegionOfInterest.Enlarge(MeanOverKappa(m), m.Height, m.Width, matches[0].Height, matches[0].Width);
            for (int cell = 0; cell < grid.Length; cell++) grid[cell] += level[cell];
        }
        return grid;
    }

    /// <summary>[cell]; NaN outside the region of interest, where nothing was searched.</summary>
    internal static float[] MeanOverKappa(PixelMatches matches)
    {
        var mean = new float[matches.Height * matches.Width];
        for (int cell = 0; cell < mean.Length; cell++)
        {
            float sum = 0;
            int n = 0;
            for (int r = 0; r < matches.Kappa && float.IsFinite(matches.Distances[cell * matches.Kappa + r]); r++, n++)
                sum += matches.Distances[cell * matches.Kappa + r];
            mean[cell] = sum / n;
        }
        return mean;
    }

    /// <summary>Mean of the highest pixels.</summary>
    /// <param name="share">Share of <see cref="Pixels"/>, above 0.</param>
    public double MeanOfHighest(double share) => Mean(Highest(share));

    private static double Mean(float[] values)
    {
        double sum = 0;
        foreach (float value in values) sum += value;
        return sum / values.Length;
    }

    /// <summary>The values of a share of <see cref="Pixels"/>, the highest ones, ascending.</summary>
    private float[] Highest(double share)
    {
        int count = Math.Clamp((int)Math.Ceiling(Pixels * share), 1, Values.Length);
        // Most values of a large map are only compared with the lowest of the highest so far.
        float[] found = new float[2 * count];
        float least = float.NegativeInfinity;
        int length = 0;
        for (int i = 0; i < Values.Length; i++)
        {
            while (i <= Values.Length - Vector<float>.Count
                && Vector.LessThanOrEqualAll(new Vector<float>(Values, i), new Vector<float>(least)))
                i += Vector<float>.Count;
            if (i == Values.Length) break;
            if (Values[i] <= least) continue;
            found[length++] = Values[i];
            if (length < found.Length) continue;
            MoveHighestToEnd(found, count);
            found.AsSpan(count).CopyTo(found);
            (least, length) = (found[0], count);
        }
        Array.Sort(found, 0, length);
        return found[(length - count)..length];
    }

    /// <summary>Partitions values: the highest ones come last, the lowest of them first, the others in any order.</summary>
    private static void MoveHighestToEnd(float[] values, int count)
    {
        int low = 0, high = values.Length - 1, first = values.Length - count;
        while (low < high)
        {
            float pivot = values[low + (high - low) / 2];
            int i = low, j = high;
            while (i <= j)
            {
                while (values[i] < pivot) i++;
                while (values[j] > pivot) j--;
                if (i > j) break;
                (values[i], values[j]) = (values[j], values[i]);
                i++;
                j--;
            }
            if (first <= j) high = j;
            else if (first >= i) low = i;
            else break;
        }
    }
}
