using System.Diagnostics;

namespace SpadeCluster.Cli.Silo;

/// <summary>
/// Gives memory back to the system when this process becomes idle. Photographs and closed galleries are garbage by then, but the collector
/// runs only when something is allocated, and the C library keeps what decoders have freed.
/// </summary>
internal sealed class IdleMemory(TimeProvider clock) : BackgroundService
{
    public static readonly TimeSpan Period = TimeSpan.FromSeconds(2);

    /// <summary>Processor time of a period that probes and metrics of an idle process take at most.</summary>
    private static readonly TimeSpan Idle = Period / 20;

    /// <summary>A collection is worthwhile when the heap has this many bytes more than the last one left.</summary>
    private const long Worthwhile = 64L << 20;

    /// <summary>Open galleries are moved, which pauses the process; so this takes at most a hundredth of the time.</summary>
    private const int Spacing = 100;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Period, clock);
        var used = Environment.CpuUsage.TotalTime;
        long stayed = 0, next = 0;
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                bool idle = Environment.CpuUsage.TotalTime - used <= Idle;
                if (idle && GC.GetTotalMemory(forceFullCollection: false) - stayed >= Worthwhile && Stopwatch.GetTimestamp() >= next)
                {
                    long start = Stopwatch.GetTimestamp();
                    GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
                    NativeHeap.Trim();
                    next = Stopwatch.GetTimestamp() + Spacing * (Stopwatch.GetTimestamp() - start);
                    stayed = GC.GetTotalMemory(forceFullCollection: false);
                }
                used = Environment.CpuUsage.TotalTime;
            }
        }
        catch (OperationCanceledException)
        {
            // The process stops.
        }
    }
}
