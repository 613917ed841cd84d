using System.Collections.Concurrent;
using SpadeCluster.Scoring;
using SpadeCluster.Server.Inference;

namespace SpadeCluster.Server.Telemetry;

/// <summary>Counts and times of each category's decisions since the start, for the Open Inference Protocol's statistics.</summary>
internal sealed class CategoryStatistics(TimeProvider clock)
{
    private readonly ConcurrentDictionary<string, Sums> _categories = new(StringComparer.Ordinal);

    /// <param name="waited">For a slot.</param>
    public void Record(ImageScore score, TimeSpan total, TimeSpan waited)
    {
        var sums = _categories.GetOrAdd(score.Category, _ => new Sums());
        var times = score.Milliseconds;
        lock (sums)
        {
            sums.Count++;
            sums.Last = clock.GetUtcNow();
            sums.Total += total;
            sums.Waited += waited;
            sums.Input += times.Prepare;
            sums.Infer += times.Extract + times.Retrieve + times.Match;
            sums.Output += times.Map;
        }
    }

    /// <summary>Only for categories that have decisions: names that callers invent take no memory.</summary>
    public void RecordFailure(string category, TimeSpan total)
    {
        if (!_categories.TryGetValue(category, out var sums)) return;
        lock (sums)
        {
            sums.Failures++;
            sums.Failed += total;
        }
    }

    /// <param name="version">The version that the category is served in.</param>
    public ModelStatistics Of(string category, string version)
    {
        var sums = _categories.GetValueOrDefault(category) ?? new Sums();
        lock (sums)
            return new ModelStatistics(category, version, sums.Count == 0 ? 0 : sums.Last.ToUnixTimeMilliseconds(), sums.Count, sums.Count,
                new InferStatistics(Duration(sums.Count, sums.Total), Duration(sums.Failures, sums.Failed),
                    Duration(sums.Count, sums.Waited), Duration(sums.Count, TimeSpan.FromMilliseconds(sums.Input)),
                    Duration(sums.Count, TimeSpan.FromMilliseconds(sums.Infer)),
                    Duration(sums.Count, TimeSpan.FromMilliseconds(sums.Output))));

        static StatisticDuration Duration(long count, TimeSpan time) => new(count, (long)time.TotalNanoseconds);
    }

    private sealed class Sums
    {
        public long Count, Failures;
        public DateTimeOffset Last;
        public TimeSpan Total, Waited, Failed;
        public double Input, Infer, Output;
    }
}
