using System.Runtime.InteropServices;

namespace SpadeCluster.Cli.Silo;

/// <summary>
/// Gives memory back to the system when this process becomes idle. Photographs and closed galleries are garbage by then, but the collector
/// runs only when something is allocated, and the C library keeps what decoders have freed.
/// </summary>
internal sealed partial class IdleMemory(TimeProvider clock) : BackgroundService
{
    public static readonly TimeSpan Period = TimeSpan.FromSeconds(2);

    /// <summary>Bytes allocated since the last time that make another one worth its pause.</summary>
    private const long Worthwhile = 64L << 20;

    /// <summary>Most bytes that an idle process allocates in a period, for probes and metrics.</summary>
    private const long Idle = 4L << 20;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Period, clock);
        long freed = GC.GetTotalAllocatedBytes(), last = freed;
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                long now = GC.GetTotalAllocatedBytes();
                if (now - last <= Idle && now - freed >= Worthwhile)
                {
                    Free();
                    freed = now = GC.GetTotalAllocatedBytes();
                }
                last = now;
            }
        }
        catch (OperationCanceledException)
        {
            // The process stops.
        }
    }

    private static void Free()
    {
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        try
        {
            TrimHeap(0);
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            // Only glibc keeps freed memory.
        }
    }

    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    private static partial int TrimHeap(nuint keep);
}
