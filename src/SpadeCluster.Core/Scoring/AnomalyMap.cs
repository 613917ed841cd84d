using SpadeCluster.Neighbors;

namespace SpadeCluster.Scoring;

/// <summary>Per pixel of the model's input, how far it is from anything seen on normals (smoothed squared distance).</summary>
public sealed class AnomalyMap
{
    /// <summary>The share of highest pixels whose mean is the image's score.</summary>
    public const double ScoreShare = 0.01;

    internal AnomalyMap(int width, int height, float[] values)
    {
        (Width, Height, Values) = (width, height, values);
        Max = values.Max();
        Score = MeanOfHighest(values, (int)Math.Ceiling(values.Length * ScoreShare));
    }

    public int Width { get; }
    public int Height { get; }

    /// <summary>[y][x].</summary>
    public float[] Values { get; }

    public double Max { get; }

    /// <summary>Mean of the highest 1 % of pixels.</summary>
    public double Score { get; }

    /// <summary>The mask of pixels above a threshold, [y][x].</summary>
    public bool[] Above(double threshold) => [.. Values.Select(v => v > threshold)];

    /// <summary>Builds the map: mean over kappa, levels summed on the finest grid, enlarged to the input, smoothed.</summary>
    public static AnomalyMap From(IReadOnlyList<PixelMatches> matches, int width, int height, GaussianFilter smoothing)
    {
        var (gridHeight, gridWidth) = (matches[0].Height, matches[0].Width);
        var grid = new float[gridHeight * gridWidth];
        foreach (var m in matches)
            BilinearUpsampling.Resize(MeanOverKappa(m), m.Height, m.Width, grid, gridHeight, gridWidth, add: true);
        return From(grid, gridHeight, gridWidth, width, height, smoothing);
    }

    /// <summary>The map of one value per cell, enlarged to the input and smoothed.</summary>
    /// <param name="grid">[gridHeight][gridWidth].</param>
    internal static AnomalyMap From(float[] grid, int gridHeight, int gridWidth, int width, int height, GaussianFilter smoothing)
    {
        var values = new float[height * width];
        BilinearUpsampling.Resize(grid, gridHeight, gridWidth, values, height, width);
        smoothing.Apply(values, height, width);
        return new AnomalyMap(width, height, values);
    }

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
    /// <param name="share">Of all pixels, above 0.</param>
    public double MeanOfHighest(double share) => MeanOfHighest(Values, (int)Math.Ceiling(Values.Length * share));

    private static double MeanOfHighest(float[] values, int count)
    {
        float[] sorted = [.. values];
        Array.Sort(sorted);
        double sum = 0;
        for (int i = sorted.Length - count; i < sorted.Length; i++) sum += sorted[i];
        return sum / count;
    }
}
