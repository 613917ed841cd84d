using System.Runtime.InteropServices;

namespace SpadeCluster.Cli.Silo;

/// <summary>
/// Settings of glibc's heap. By itself it raises, to 32 MB, the size from which a block is mapped alone and unmapped when it is freed. The
/// blocks of a decoded photograph are a little smaller. They would stay in the heaps of many threads, hundreds of megabytes in each.
/// </summary>
internal static partial class NativeHeap
{
    private const int MmapThreshold = -3, LargeBytes = 4 << 20;

    /// <summary>From now on, blocks of 4 MB and more go back to the system when they are freed. Does nothing where there is another C
    /// library.</summary>
    public static void ReturnLargeBlocks() => Try(() => Mallopt(MmapThreshold, LargeBytes));

    /// <summary>Gives all free pages back to the system.</summary>
    public static void Trim() => Try(() => MallocTrim(0));

    private static void Try(Func<int> call)
    {
        try
        {
            call();
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            // Not glibc.
        }
    }

    [LibraryImport("libc", EntryPoint = "mallopt")]
    private static partial int Mallopt(int parameter, int value);

    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    private static partial int MallocTrim(nuint keep);
}
