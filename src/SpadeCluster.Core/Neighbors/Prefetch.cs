using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace SpadeCluster.Neighbors;

/// <summary>
/// Prefetches memory that will be read soon. Gallery rows are visited in an order that hardware cannot predict, and one cache
/// miss costs as much as a hundred vector operations. A prefetch never faults, so arrays need no pin: if the garbage
/// collector moves one meanwhile, the hint is wasted.
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
