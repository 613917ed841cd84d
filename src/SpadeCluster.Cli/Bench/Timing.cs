using System.Diagnostics;

namespace SpadeCluster.Cli.Bench;

/// <summary>Timings of one program, in milliseconds.</summary>
internal sealed record Timing(string Name, int Threads, double MedianMs, double MinMs, double MaxMs, int Runs)
{
    public static Timing Of(string name, int threads, IReadOnlyList<double> milliseconds)
    {
        double[] sorted = [.. milliseconds.Order()];
        double median = sorted.Length % 2 == 1 ? sorted[sorted.Length / 2]
            : (sorted[sorted.Length / 2 - 1] + sorted[sorted.Length / 2]) / 2;
        return new Timing(name, threads, median, sorted[0], sorted[^1], sorted.Length);
    }

    /// <summary>Runs <paramref name="work"/> and returns its milliseconds.</summary>
    public static async Task<double> MeasureAsync(Func<Task> work)
    {
        long start = Stopwatch.GetTimestamp();
        await work();
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }
}
