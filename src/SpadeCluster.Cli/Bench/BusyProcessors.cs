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
    /// <returns>Processor milliseconds of a unit.</returns>
    public async Task<double> MeasureAsync(Func<int, int, ValueTask> unit, CancellationToken cancellationToken)
    {
        await RepeatAsync(unit, time / 3, cancellationToken);
        var before = Environment.CpuUsage.TotalTime;
        int units = await RepeatAsync(unit, time, cancellationToken);
        return (Environment.CpuUsage.TotalTime - before).TotalMilliseconds / units;
    }

    /// <summary>Each worker does at least one unit.</summary>
    private static async Task<int> RepeatAsync(Func<int, int, ValueTask> unit, TimeSpan time, CancellationToken cancellationToken)
    {
        long start = Stopwatch.GetTimestamp();
        int[] units = await Task.WhenAll(Enumerable.Range(0, Environment.ProcessorCount).Select(worker => Task.Run(async () =>
        {
            int done = 0;
            do
            {
                await unit(worker, done++);
                cancellationToken.ThrowIfCancellationRequested();
            }
            while (Stopwatch.GetElapsedTime(start) < time);
            return done;
        }, cancellationToken)));
        return units.Sum();
    }
}
