using System.Numerics;

namespace SpadeCluster.Scoring;

/// <summary>
/// Enlarging and smoothing of maps that are NaN outside a region of interest. Values outside have no weight (normalised convolution,
/// Knutsson and Westin 1993), so that a region's edge is as sensitive as its middle. Without NaN these are the plain operations.
/// </summary>
internal static class RegionOfInterest
{
    /// <summary>Bilinear enlargement; a pixel of a cell outside is NaN.</summary>
    /// <param name="grid">[gridHeight][gridWidth].</param>
    public static float[] Enlarge(float[] grid, int gridHeight, int gridWidth, int height, int width)
    {
        var values = new float[height * width];
        if (Weights(grid) is not { } weights)
        {
            BilinearUpsampling.Resize(grid, gridHeight, gridWidth, values, height, width);
            return values;
        }
        var enlarged = new float[height * width];
        BilinearUpsampling.Resize(Weighted(grid), gridHeight, gridWidth, values, height, width);
        BilinearUpsampling.Resize(weights, gridHeight, gridWidth, enlarged, height, width);
        for (int i = 0; i < values.Length; i++)
        {
            bool inside = weights[i / width * gridHeight / height * gridWidth + i % width * gridWidth / width] > 0;
            values[i] = inside ? values[i] / enlarged[i] : float.NaN;
        }
        return values;
    }

    /// <summary>Smooths [height][width] in place; NaN stays NaN.</summary>
    public static void Smooth(float[] values, int height, int width, GaussianFilter smoothing)
    {
        if (Weights(values) is not { } weights)
        {
            smoothing.Apply(values, height, width);
            return;
        }
        float[] smoothed = Weighted(values), smoothedWeights = [.. weights];
        smoothing.Apply(smoothed, height, width);
        smoothing.Apply(smoothedWeights, height, width);
        for (int i = 0; i < values.Length; i++)
            if (weights[i] > 0) values[i] = smoothed[i] / smoothedWeights[i];
    }

    /// <summary>Sets values outside to 0; returns the number of values inside.</summary>
    public static int ZeroOutside(float[] values)
    {
        int inside = 0;
        for (int i = 0; i < values.Length; i++)
        {
            if (float.IsNaN(values[i])) values[i] = 0;
            else inside++;
        }
        return inside;
    }

    /// <summary>1 inside, 0 outside; null: all is inside.</summary>
    private static float[]? Weights(float[] values)
        => AnyNaN(values) ? [.. values.Select(v => float.IsNaN(v) ? 0f : 1f)] : null;

    private static bool AnyNaN(ReadOnlySpan<float> values)
    {
        // Only NaN differs from itself.
        for (; values.Length >= Vector<float>.Count; values = values[Vector<float>.Count..])
            if (new Vector<float>(values) is var v && !Vector.EqualsAll(v, v)) return true;
        foreach (float value in values)
            if (float.IsNaN(value)) return true;
        return false;
    }

    private static float[] Weighted(float[] values) => [.. values.Select(v => float.IsNaN(v) ? 0f : v)];
}
