using SpadeCluster.Inference.Managed;

namespace SpadeCluster.Cli.Bench;

/// <summary>Where the managed extractor's time goes: all steps of one kind.</summary>
/// <param name="Milliseconds">The sum of the steps' medians.</param>
/// <param name="GigaflopsPerSecond">Two operations a multiply-add; null where other work takes the time.</param>
internal sealed record StepProfile(string Kind, int Threads, int Steps, double Milliseconds, double? GigaflopsPerSecond)
{
    /// <param name="runs">The steps of each run.</param>
    public static IEnumerable<StepProfile> Of(int threads, IReadOnlyList<IReadOnlyList<StepTime>> runs) =>
        runs[0].Select((step, i) => (step.Kind, step.MultiplyAdds, Ms: Timing.Of("", 0, [.. runs.Select(r => r[i].Milliseconds)]).MedianMs))
            .GroupBy(s => s.Kind)
            .Select(g => (g.Key, Count: g.Count(), Ms: g.Sum(s => s.Ms), Adds: g.Sum(s => s.MultiplyAdds)))
            .OrderByDescending(k => k.Ms)
            .Select(k => new StepProfile(k.Key, threads, k.Count, k.Ms, k.Adds > 0 ? 2 * k.Adds / k.Ms / 1e6 : null));
}
