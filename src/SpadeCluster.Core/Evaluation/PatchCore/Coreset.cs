using SpadeCluster.Neighbors;

namespace SpadeCluster.Evaluation;

/// <summary>
/// Chooses a share of rows that covers all rows well (Roth et al. 2022, algorithm 1): next is always the row farthest from those already
/// chosen. Distances are those of random projections, which keep them approximately (Johnson and Lindenstrauss 1984).
/// </summary>
internal static class Coreset
{
    /// <summary>Values of a projected row, as in the authors' program; shorter rows are compared as they are.</summary>
    public const int Projected = 128;
    private const int RowsPerItem = 2048;

    /// <summary>Chosen rows, ascending. The same for any number of threads.</summary>
    /// <param name="rows">[row][length].</param>
    /// <param name="share">Of all rows, above 0 and up to 1; at least one row is chosen.</param>
    /// <param name="seed">Decides the projection and the first row.</param>
    public static int[] Select(float[] rows, int length, double share, int seed, int threads, CancellationToken cancellationToken = default)
    {
        int count = rows.Length / length, wanted = Math.Clamp((int)Math.Ceiling(count * share), 1, count);
        if (wanted == count) return [.. Enumerable.Range(0, count)];
        var random = new Random(seed);
        var (points, width) = length > Projected ? (Project(rows, length, random, threads, cancellationToken), Projected) : (rows, length);
        var distances = new float[count];
        Array.Fill(distances, float.PositiveInfinity);
        int items = (count + RowsPerItem - 1) / RowsPerItem;
        var farthest = new int[items];
        var chosen = new int[wanted];
        chosen[0] = random.Next(count);
        for (int i = 1; i < wanted; i++)
        {
            int centre = chosen[i - 1] * width;
            WorkSharing.Run(threads, items, cancellationToken, (_, item) =>
            {
                int best = item * RowsPerItem;
                for (int row = best; row < Math.Min(count, (item + 1) * RowsPerItem); row++)
                {
                    float d = PixelDistance.Squared(points.AsSpan(row * width, width), points.AsSpan(centre, width), []);
                    distances[row] = Math.Min(distances[row], d);
                    if (distances[row] > distances[best]) best = row;
                }
                farthest[item] = best;
            });
            chosen[i] = farthest.Aggregate((a, b) => distances[b] > distances[a] ? b : a);
            // All rows left are copies of chosen ones.
            if (distances[chosen[i]] == 0) Array.Resize(ref chosen, wanted = i);
        }
        return [.. chosen.Order()];
    }

    private static float[] Project(float[] rows, int length, Random random, int threads, CancellationToken cancellationToken)
    {
        // [output][input], normally distributed (Box and Muller).
        var matrix = new float[Projected * length];
        for (int i = 0; i < matrix.Length; i++)
            matrix[i] = (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
        var points = new float[rows.Length / length * Projected];
        WorkSharing.Run(threads, rows.Length / length, cancellationToken, (_, row) =>
        {
            for (int o = 0; o < Projected; o++)
                points[row * Projected + o] = DotProducts.Of(rows.AsSpan(row * length, length), matrix.AsSpan(o * length, length));
        });
        return points;
    }
}
