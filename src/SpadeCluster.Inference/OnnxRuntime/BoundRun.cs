using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using SpadeCluster.Features;

namespace SpadeCluster.Inference.OnnxRuntime;

/// <summary>
/// Runs of a session with buffers that are bound once for every batch size, so that a run allocates nothing. The bindings of all batch
/// sizes share the same memory. Not for concurrent calls.
/// </summary>
internal sealed class BoundRun : IDisposable
{
    private readonly BoundSession _session;
    private readonly int[] _inputShape; // [channels, height, width]
    private readonly RunOptions _options = new();
    private readonly OrtIoBinding?[] _bindings; // [images - 1]
    private readonly List<OrtValue> _bound = [];
    private readonly Memory<byte> _input, _pooled;
    private readonly Memory<byte>[] _levels; // float32 or float16

    public BoundRun(BoundSession session, int[] inputShape)
    {
        (_session, _inputShape) = (session, inputShape);
        _bindings = new OrtIoBinding?[session.Batch];
        _input = Buffer((long)session.Batch * InputLength * sizeof(float));
        _pooled = Buffer((long)session.Batch * session.PooledLength * sizeof(float));
        _levels = [.. session.Shapes.Select(s => Buffer((long)session.Batch * s.Length * (session.HalfLevels ? 2 : sizeof(float))))];
    }

    private int InputLength => _inputShape[0] * _inputShape[1] * _inputShape[2];

    /// <summary>The input for image <paramref name="index"/> of the next run: [3][height][width], normalised.</summary>
    public Span<float> Input(int index) => Values<float>(_input, index, InputLength);

    /// <exception cref="SpadeException">The device failed.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; the run can be used again.</exception>
    public void Run(int images, CancellationToken cancellation)
        => _session.Run(_options, _bindings[images - 1] ??= Bind(images), cancellation);

    /// <summary>Copies the features of image <paramref name="index"/> of the last run.</summary>
    public void Read(int index, ImageFeatures features)
    {
        Values<float>(_pooled, index, _session.PooledLength).CopyTo(features.Pooled);
        for (int i = 0; i < _levels.Length; i++)
            if (_session.HalfLevels)
                HalfConversion.Widen(Values<Half>(_levels[i], index, _session.Shapes[i].Length), features.Levels[i]);
            else Values<float>(_levels[i], index, _session.Shapes[i].Length).CopyTo(features.Levels[i]);
    }

    public void Dispose()
    {
        foreach (var binding in _bindings) binding?.Dispose();
        foreach (var value in _bound) value.Dispose();
        _options.Dispose();
    }

    private OrtIoBinding Bind(int images)
    {
        var type = _session.HalfLevels ? TensorElementType.Float16 : TensorElementType.Float;
        return _session.Bind(Over(_input, TensorElementType.Float, images, _inputShape),
            Over(_pooled, TensorElementType.Float, images, [_session.PooledLength]),
            _levels.Zip(_session.Shapes, (level, s) => Over(level, type, images, [s.Height, s.Width, s.Channels])));
    }

    private unsafe OrtValue Over(Memory<byte> buffer, TensorElementType type, int images, int[] shape)
    {
        long length = (long)images * shape.Aggregate(1, (p, d) => p * d) * (type == TensorElementType.Float ? sizeof(float)
            : sizeof(ushort));
        nint address = (nint)Unsafe.AsPointer(ref MemoryMarshal.GetReference(buffer.Span)); // the buffer is pinned
        var value = OrtValue.CreateTensorValueWithData(OrtMemoryInfo.DefaultInstance, type, [images, .. shape], address, length);
        _bound.Add(value);
        return value;
    }

    /// <summary>The values of one image of a batch.</summary>
    private static Span<T> Values<T>(Memory<byte> buffer, int index, int length) where T : unmanaged
        => MemoryMarshal.Cast<byte, T>(buffer.Span).Slice(index * length, length);

    /// <summary>Pinned memory, aligned to a cache line: ONNX Runtime's vector sums start at the first aligned value, so the last bit of a
    /// mean depends on the alignment of its input.</summary>
    private static unsafe Memory<byte> Buffer(long length)
    {
        const int Line = 64;
        if (length > Array.MaxLength - Line) throw new SpadeException(SpadeError.ResourceExhausted,
            $"a batch takes {length:N0} bytes, more than one buffer holds; use a smaller batch");
        byte[] bytes = GC.AllocateArray<byte>((int)length + Line, pinned: true);
        int past = (int)((nint)Unsafe.AsPointer(ref bytes[0]) % Line);
        return bytes.AsMemory(Line - past, (int)length);
    }
}
