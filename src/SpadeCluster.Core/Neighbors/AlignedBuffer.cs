using System.Runtime.InteropServices;

namespace SpadeCluster.Neighbors;

/// <summary>Zeroed memory outside the managed heap, aligned to a cache line so that no vector load straddles two.</summary>
internal sealed unsafe class AlignedBuffer<T> : IDisposable where T : unmanaged
{
    private const nuint CacheLine = 64;
    private T* _pointer;

    public AlignedBuffer(long length)
    {
        Length = length;
        // A line to spare: kernels may read (never use) past the end of the last row.
        nuint bytes = checked((nuint)length * (nuint)sizeof(T) + CacheLine);
        _pointer = (T*)NativeMemory.AlignedAlloc(bytes, CacheLine);
        NativeMemory.Clear(_pointer, bytes);
        GC.AddMemoryPressure((long)bytes);
    }

    ~AlignedBuffer() => Free();

    public long Length { get; }

    public T* Pointer => _pointer;

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        if (_pointer == null) return;
        NativeMemory.AlignedFree(_pointer);
        GC.RemoveMemoryPressure(Length * sizeof(T) + (long)CacheLine);
        _pointer = null;
    }
}
