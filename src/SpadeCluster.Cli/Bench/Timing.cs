using System.Diagnostics;

namespace SpadeCluster.Cli.Bench;

/// <summary>Timings of one program, in milliseconds.</summary>
/// <param name="Images">Images of one run.</param>
internal sealed record Timing(string Name, int Threads, double MedianMs, double MinMs, double MaxMs, int Runs, int Images = 1)
{
    public double ImagesPerSecond => 1000 * Images / MedianMs;

    public static Timing Of(string name, int threads, IReadOnlyList<double> milliseconds, int images = 1)
    {
        double[] sorted = [.. milliseconds.Order()];
        double median = sorted.Length % 2 == 1 ? sorted[sorted.Length / 2]
            : (sorted[sorted.Length / 2 - 1] + sorted[sorted.Length / 2]) / 2;
        return new Timing(name, threads, median, sorted[0], sorted[^1], sorted.Length, images);
    }

    /// <summary>Runs <paramref name="work"/> and returns its milliseconds.</summary>
    public static async Task<double> MeasureAsync(Func<Task> work)
    {
        long start = Stopwatch.GetTimestamp();
        await work();
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }
}

/// <summary>The median of repeated measurements, and their range.</summary>
internal sealed record Spread(double Median, double Min, double Max) : IFormattable
{
    public static Spread Of(IReadOnlyList<double> values)
    {
        var timing = Timing.Of("", 0, values);
        return new Spread(timing.MedianMs, timing.MinMs, timing.MaxMs);
    }

    /// <param name="format">Of each number; one decimal by default.</param>
    public string ToString(string? format, IFormatProvider? provider)
    {
        return $"{Text(Median)} ({Text(Min)} to {Text(Max)})";

        string Text(double value) => value.ToString(format ?? "0.0", provider);
    }
}

/// <summary>Percentiles of many measurements, by nearest rank.</summary>
internal sealed record Percentiles(double P50, double P90, double P99, double Max)
{
    public static Percentiles Of(IReadOnlyList<double> values)
    {
        double[] sorted = [.. values.Order()];
        return new Percentiles(At(0.5), At(0.9), At(0.99), sorted[^1]);

        double At(double share) => sorted[(int)Math.Ceiling(share * sorted.Length) - 1];
    }
}
