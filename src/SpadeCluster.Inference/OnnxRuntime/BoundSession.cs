using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using SpadeCluster.Features;
using SpadeCluster.Inference.Onnx;

namespace SpadeCluster.Inference.OnnxRuntime;

/// <summary>
/// An ONNX Runtime session with buffers that are bound once for every batch size, so that a run allocates nothing. The bindings of all
/// batch sizes share the same memory. Not for concurrent calls.
/// </summary>
internal sealed class BoundSession : IDisposable
{
    private const string CudaProvider = "CUDAExecutionProvider";

    private readonly RuntimeNetwork _network;
    private readonly OnnxRuntimeDevice _device;
    private readonly string _source;
    private readonly InferenceSession _session = null!;
    private readonly RunOptions _run = new();
    private readonly OrtIoBinding?[] _bindings; // [images - 1]
    private readonly List<OrtValue> _bound = [];
    private readonly int _inputLength;
    private readonly bool _half;
    private readonly Memory<byte> _input, _pooled;
    private readonly Memory<byte>[] _levels; // float32 or float16

    static BoundSession()
    {
        // Set before the first session, which would otherwise write warnings about this machine's devices to the console.
        var options = new EnvironmentCreationOptions { logId = "spade", logLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL };
        OrtEnv.CreateInstanceWithOptions(ref options).DisableTelemetryEvents();
    }

    /// <summary>A CPU session without bound buffers.</summary>
    public static InferenceSession Plain(byte[] network) => new(network);

    /// <exception cref="SpadeException">See <see cref="OrtFailure"/> and <see cref="RuntimeNetwork.Of"/>.</exception>
    public BoundSession(InferenceModel model, OnnxRuntimeOptions options, OnnxRuntimeDevice device)
    {
        (_device, _source, _half) = (device, model.Source, options.HalfLevels);
        var (width, height) = (model.Manifest.InputWidth, model.Manifest.InputHeight);
        _inputLength = 3 * width * height;
        CheckMemory(model, device);
        _network = RuntimeNetwork.Of(model, options.HalfLevels);
        Batch = _network.SingleImage ? 1 : options.Batch;
        _bindings = new OrtIoBinding?[Batch];
        _input = Buffer((long)Batch * _inputLength * sizeof(float));
        using var settings = Settings(options, device);
        try
        {
            _session = new InferenceSession(_network.Bytes, settings);
            (Shapes, PooledLength) = Probe(height, width);
            _network = _network with { Bytes = [] }; // the session has its own copy
            _pooled = Buffer((long)Batch * PooledLength * sizeof(float));
            _levels = [.. Shapes.Select(s => Buffer((long)Batch * s.Length * (_half ? 2 : sizeof(float))))];
        }
        catch (Exception e) when (e is OnnxRuntimeException or OutOfMemoryException)
        {
            Dispose();
            throw device.Cuda is not null && Loads(_network.Bytes) ? OrtFailure.NoDevice(e, device)
                : OrtFailure.AtLoad(e, _source, model.Manifest);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Highest number of images per run.</summary>
    public int Batch { get; }

    public IReadOnlyList<LevelShape> Shapes { get; }

    public int PooledLength { get; }

    internal Action? BeforeRun { get; set; }

    /// <summary>The input for image <paramref name="index"/> of the next run: [3][height][width], normalised.</summary>
    public Span<float> Input(int index) => Values<float>(_input, index, _inputLength);

    /// <exception cref="SpadeException">The device failed.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; the session stays usable.</exception>
    public void Run(int images, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        var binding = _bindings[images - 1] ??= Bind(images);
        using var registration = cancellation.UnsafeRegister(run => ((RunOptions)run!).Terminate = true, _run);
        try
        {
            BeforeRun?.Invoke();
            _session.RunWithBinding(_run, binding);
        }
        catch (Exception e) when (e is OnnxRuntimeException or OutOfMemoryException)
        {
            cancellation.ThrowIfCancellationRequested();
            throw OrtFailure.AtRun(e, _source, _device);
        }
        finally
        {
            registration.Unregister(); // waits for a running callback, so that the next line is executed last
            if (cancellation.IsCancellationRequested) _run.Terminate = false;
        }
    }

    /// <summary>Copies the features of image <paramref name="index"/> of the last run.</summary>
    public void Read(int index, ImageFeatures features)
    {
        Values<float>(_pooled, index, PooledLength).CopyTo(features.Pooled);
        for (int i = 0; i < _levels.Length; i++)
            if (_half) HalfConversion.Widen(Values<Half>(_levels[i], index, Shapes[i].Length), features.Levels[i]);
            else Values<float>(_levels[i], index, Shapes[i].Length).CopyTo(features.Levels[i]);
    }

    public void Dispose()
    {
        foreach (var binding in _bindings) binding?.Dispose();
        foreach (var value in _bound) value.Dispose();
        _session?.Dispose(); // null: the session could not be created
        _run.Dispose();
    }

    private static SessionOptions Settings(OnnxRuntimeOptions options, OnnxRuntimeDevice device)
    {
        var settings = new SessionOptions
        {
            IntraOpNumThreads = options.Threads > 0 ? options.Threads : Environment.ProcessorCount,
            InterOpNumThreads = 1,
            ExecutionMode = ExecutionMode.ORT_SEQUENTIAL,
            GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_ALL,
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL,
        };
        // Its threads spin between operators, and would continue after the run, when the pixel search needs the processors.
        settings.AddSessionConfigEntry("session.force_spinning_stop", "1");
        // Without it, sums of int8 products overflow on processors with AVX2 and no VNNI.
        settings.AddSessionConfigEntry("session.x64quantprecision", "1");
        if (device.Cuda is not { } id) return settings;
        if (!OrtEnv.Instance().GetAvailableProviders().Contains(CudaProvider))
        {
            settings.Dispose();
            throw new SpadeException(SpadeError.Unavailable,
                $"device {device} cannot be used: this build runs networks on the CPU only; build with -p:Gpu=true, or choose device cpu");
        }
        var values = new Dictionary<string, string>
        {
            ["device_id"] = $"{id}",
            ["arena_extend_strategy"] = "kSameAsRequested", // not powers of two, because two models may share a GPU
            ["cudnn_conv_algo_search"] = options.CudnnSearch.ToString().ToUpperInvariant(),
            ["cudnn_conv_use_max_workspace"] = options.CudnnMaxWorkspace ? "1" : "0",
            ["do_copy_in_default_stream"] = "1",
            ["use_tf32"] = options.AllowTf32 ? "1" : "0",
        };
        if (options.GpuMemoryLimit is { } limit) values["gpu_mem_limit"] = $"{limit}";
        try
        {
            using var cuda = new OrtCUDAProviderOptions();
            cuda.UpdateOptions(values);
            settings.AppendExecutionProvider_CUDA(cuda);
            return settings;
        }
        catch (Exception e) when (e is OnnxRuntimeException or DllNotFoundException or EntryPointNotFoundException)
        {
            settings.Dispose();
            throw OrtFailure.NoDevice(e, device);
        }
    }

    /// <summary>Whether the CPU can load a network; if so, a failure on another device is the device's.</summary>
    private static bool Loads(byte[] network)
    {
        try
        {
            Plain(network).Dispose();
            return true;
        }
        catch (OnnxRuntimeException)
        {
            return false;
        }
    }

    /// <summary>While loading there are about three copies of the weights: the rewritten network's, the session's and the packed
    /// ones.</summary>
    private static void CheckMemory(InferenceModel model, OnnxRuntimeDevice device)
    {
        long needed = 3L * model.Network.Length, available = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        if (needed > available)
            throw new SpadeException(SpadeError.ResourceExhausted,
                $"{model.Source} has {model.Network.Length:N0} bytes of weights; loading them on {device} takes about {needed:N0} bytes " +
                $"of memory and this process may use {available:N0}");
    }

    /// <summary>Runs a black image to find the shapes; exported models rarely state them all.</summary>
    private (IReadOnlyList<LevelShape> Shapes, int PooledLength) Probe(int height, int width)
    {
        var input = Over(_input, TensorElementType.Float, 1, [3, height, width]);
        using var outputs = _session.Run(_run, [_network.Input], [input], [.. _network.Levels, _network.Pooled]);
        long[][] shapes = [.. outputs.Select(o => o.GetTensorTypeAndShape().Shape)];
        foreach (long[] s in shapes)
            if (s.Contains(0) || s[0] != 1)
                throw new SpadeException(SpadeError.InvalidArgument,
                    $"{_source}: an output for one image has the dimensions [{string.Join(", ", s)}]; levels must be [N, C, H, W], the " +
                        $"pooled feature [N, C]");
        return ([.. shapes[..^1].Select(s => new LevelShape((int)s[1], (int)s[2], (int)s[3]))], (int)shapes[^1][1]);
    }

    private OrtIoBinding Bind(int images)
    {
        var binding = _session.CreateIoBinding();
        var type = _half ? TensorElementType.Float16 : TensorElementType.Float;
        int[] size = [(int)_session.InputMetadata[_network.Input].Dimensions[2], (int)_session.InputMetadata[_network.Input].Dimensions[3]];
        binding.BindInput(_network.Input, Over(_input, TensorElementType.Float, images, [3, size[0], size[1]]));
        binding.BindOutput(_network.Pooled, Over(_pooled, TensorElementType.Float, images, [PooledLength]));
        for (int i = 0; i < _levels.Length; i++)
            binding.BindOutput(_network.Levels[i], Over(_levels[i], type, images, [Shapes[i].Height, Shapes[i].Width, Shapes[i].Channels]));
        return binding;
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
