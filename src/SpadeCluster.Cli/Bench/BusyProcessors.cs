using System.Diagnostics;

namespace SpadeCluster.Cli.Bench;

/// <summary>
/// Measures the processor times of several tasks in turns. Each round measures every task for a part of its time: a machine shared with
/// others changes its speed, and so all figures change alike. All processors do the same task at the same time, as in a server: a
/// processor is slower while the others use memory and caches, too. Time that other programs take does not count, but they make this one
/// slower.
/// </summary>
/// <param name="time">Duration of each measurement, after a warm-up of the same duration.</param>
/// <param name="progress">Gets what is being measured.</param>
internal sealed class BusyProcessors(TimeSpan time, Action<string> progress)
{
    private const int Rounds = 3;

    private readonly List<(Func<int, int, ValueTask> Unit, TimeSpan Time, Func<TimeSpan> Used, Measured Result)> _works = [];

    /// <param name="unit">One unit of work. Gets the worker's number, and the number of the unit of that worker.</param>
    /// <param name="used">Processor time of the program that does the work; null: of this one.</param>
    /// <param name="times">Duration of this task's measurement, as a multiple of that of the others.</param>
    /// <returns>The result after <see cref="RunAsync"/>.</returns>
    public Measured Add(string what, Func<int, int, ValueTask> unit, Func<TimeSpan>? used = null, int times = 1)
    {
        var result = new Measured(what);
        _works.Add((unit, times * time, used ?? (() => Environment.CpuUsage.TotalTime), result));
        return result;
    }

    /// <summary>Measures all works.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        foreach (var work in _works)
        {
            progress($"warm-up: {work.Result.What}");
            await RepeatAsync(work.Unit, work.Time, cancellationToken);
        }
        for (int round = 1; round <= Rounds; round++)
            foreach (var work in _works)
            {
                progress($"round {round} of {Rounds}: {work.Result.What}");
                var before = work.Used();
                var units = await RepeatAsync(work.Unit, work.Time / Rounds, cancellationToken);
                work.Result.Add(UnitTime.Of((work.Used() - before).TotalMilliseconds, units));
            }
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

/// <summary>What a unit of a work takes, by the rounds of its measurement.</summary>
internal sealed class Measured(string what)
{
    private readonly List<UnitTime> _rounds = [];

    public string What => what;

    public IReadOnlyList<UnitTime> Rounds => _rounds;

    /// <summary>Processor milliseconds, the median of the rounds.</summary>
    public double Ms => Over(round => _rounds[round].Ms);

    /// <summary>Standard deviation / mean within a round, the median of the rounds.</summary>
    public double Variation => Over(round => _rounds[round].Variation);

    /// <summary>The median over the rounds of anything that follows from their times.</summary>
    public double Over(Func<int, double> ofRound) => Spread.Of([.. Enumerable.Range(0, _rounds.Count).Select(ofRound)]).Median;

    public void Add(UnitTime round) => _rounds.Add(round);
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
