using System.Diagnostics;

namespace SpadeCluster.Cli.Bench;

/// <summary>
/// Measures processor time while all processors do the same work: a processor is slower when the others use memory and caches, too, and
/// that is how a server works. Time that other programs take does not count, but they make this one slower.
/// </summary>
/// <param name="time">Duration of each measurement, after a warm-up of a third of it.</param>
internal sealed class BusyProcessors(TimeSpan time)
{
    /// <param name="unit">One unit of work. Gets the worker's number, and the number of the unit of that worker.</param>
    public async Task<UnitTime> MeasureAsync(Func<int, int, ValueTask> unit, CancellationToken cancellationToken)
    {
        await RepeatAsync(unit, time / 3, cancellationToken);
        var before = Environment.CpuUsage.TotalTime;
        var units = await RepeatAsync(unit, time, cancellationToken);
        return UnitTime.Of((Environment.CpuUsage.TotalTime - before).TotalMilliseconds, units);
    }

    /// <summary>Each worker does at least one unit.</summary>
    /// <returns>Milliseconds of each unit.</returns>
    private static async Task<List<double>> RepeatAsync(Func<int, int, ValueTask> unit, TimeSpan time, CancellationToken cancellationToken)
    {
        long start = Stopwatch.GetTimestamp();
        var workers = await Task.WhenAll(Enumerable.Range(0, Environment.ProcessorCount).Select(worker => Task.Run(async () =>
        {
            var units = new List<double>();
            do
            {
                long began = Stopwatch.GetTimestamp();
                await unit(worker, units.Count);
                units.Add(Stopwatch.GetElapsedTime(began).TotalMilliseconds);
                cancellationToken.ThrowIfCancellationRequested();
            }
            while (Stopwatch.GetElapsedTime(start) < time);
            return units;
        }, cancellationToken)));
        return [.. workers.SelectMany(w => w)];
    }
}

/// <summary>What a unit of work takes.</summary>
/// <param name="Ms">Processor milliseconds, the mean.</param>
/// <param name="Variation">Standard deviation / mean of the times from a unit's begin to its end.</param>
internal sealed record UnitTime(double Ms, double Variation)
{
    /// <summary>In milliseconds².</summary>
    public double Variance => Ms * Variation * Ms * Variation;

    /// <param name="processorMs">Processor time of all units together.</param>
    /// <param name="units">Milliseconds of each unit from its begin to its end; at least one.</param>
    public static UnitTime Of(double processorMs, IReadOnlyCollection<double> units)
    {
        double mean = units.Average();
        double deviation = Math.Sqrt(units.Average(u => (u - mean) * (u - mean)));
        return new UnitTime(processorMs / units.Count, mean > 0 ? deviation / mean : 0);
    }
}
