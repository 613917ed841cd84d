using System.Buffers;
using System.Runtime.InteropServices;

namespace SpadeCluster.Storage.Format;

/// <summary>An array of halves as memory of bytes, so that a level is read directly into its array.</summary>
internal sealed unsafe class HalfBytes(Half[] halves) : MemoryManager<byte>
{
    public override Span<byte> GetSpan() => MemoryMarshal.AsBytes(halves.AsSpan());

    public override MemoryHandle Pin(int elementIndex = 0)
    {
        var handle = GCHandle.Alloc(halves, GCHandleType.Pinned);
        return new MemoryHandle((byte*)handle.AddrOfPinnedObject() + elementIndex, handle);
    }

    public override void Unpin() { }

    protected override void Dispose(bool disposing) { }
}
