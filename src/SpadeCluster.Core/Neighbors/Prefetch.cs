using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace SpadeCluster.Neighbors;

/// <summary>
/// Asks for memory that will be read soon. Gallery rows are visited in an order no hardware foresees, and one miss costs as
/// much as a hundred vector operations. A prefetch reads nothing and never faults, so it needs no pin: should the collector
/// move an array meanwhile, the hint is wasted.
/// </summary>
internal static unsafe class Prefetch
{
    private const int CacheLine = 64;

    public static void Row(ReadOnlySpan<Half> row) => Bytes((byte*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(row)), 2 * row.Length);

    public static void Bytes(void* first, int count)
    {
        if (!Sse.IsSupported) return;
        for (int i = 0; i < count; i += CacheLine) Sse.Prefetch0((byte*)first + i);
    }
}
