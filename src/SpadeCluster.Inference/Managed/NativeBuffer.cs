using System.Runtime.InteropServices;

namespace SpadeCluster.Inference.Managed;

/// <summary>
/// Zeroed floats outside the GC heap, aligned to 64 bytes (a cache line, a 512-bit vector). <see cref="Slack"/> floats on
/// either side belong to the buffer too, so that kernels may read, and never use, a little beyond a tensor's ends.
/// </summary>
internal sealed unsafe class NativeBuffer : IDisposable
{
    public const int Slack = 4096;
    private readonly long _bytes;
    private void* _memory;

    public NativeBuffer(long floats)
    {
        nuint bytes = checked((nuint)(floats + (2 * Slack)) * sizeof(float));
        if (bytes > (ulong)GC.GetGCMemoryInfo().TotalAvailableMemoryBytes)
            throw new SpadeException(SpadeError.ResourceExhausted, $"the model needs a buffer of {bytes} bytes, more than this machine has");
        try
        {
            _memory = NativeMemory.AlignedAlloc(bytes, 64);
        }
        catch (OutOfMemoryException e)
        {
            throw new SpadeException(SpadeError.ResourceExhausted, $"the model needs a buffer of {bytes} bytes, more than this machine has free", e);
        }
        NativeMemory.Clear(_memory, bytes);
        GC.AddMemoryPressure((long)bytes);
        _bytes = (long)bytes;
    }

    public static NativeBuffer Of(ReadOnlySpan<float> values)
    {
        var buffer = new NativeBuffer(values.Length);
        values.CopyTo(new Span<float>(buffer.Pointer, values.Length));
        return buffer;
    }

    public float* Pointer => (float*)_memory + Slack;

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    ~NativeBuffer() => Free();

    private void Free()
    {
        if (_memory is null) return;
        NativeMemory.AlignedFree(_memory);
        GC.RemoveMemoryPressure(_bytes);
        _memory = null;
    }
}
