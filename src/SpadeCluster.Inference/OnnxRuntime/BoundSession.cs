using System.Collections.Concurrent;
using System.Runtime.Intrinsics.X86;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using SpadeCluster.Features;
using SpadeCluster.Inference.Onnx;

namespace SpadeCluster.Inference.OnnxRuntime;

/// <summary>A network that ONNX Runtime has loaded on a device. Several runs of it can compute at the same time.</summary>
internal sealed class BoundSession : IDisposable
{
    private const string CudaProvider = "CUDAExecutionProvider";

    private readonly ModelManifest _manifest;
    private readonly string _source;
    private readonly OnnxRuntimeDevice _device;
    private readonly RuntimeNetwork _network;
    private readonly InferenceSession _session;
    private readonly ConcurrentStack<BoundRun> _idle = [];

    static BoundSession()
    {
        Telemetry.TurnOff();
        // Set before the first session, which would otherwise write warnings about this machine's devices to the console.
        var options = new EnvironmentCreationOptions { logId = "spade", logLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL };
        OrtEnv.CreateInstanceWithOptions(ref options).DisableTelemetryEvents();
    }

    /// <summary>A CPU session without bound buffers.</summary>
    public static InferenceSession Plain(byte[] network) => new(network);

    /// <param name="source">The name of the model in messages.</param>
    /// <param name="draft">Where to write the network when it is optimised; null: nowhere.</param>
    /// <exception cref="SpadeException">See <see cref="OrtFailure"/>.</exception>
    public BoundSession(RuntimeNetwork network, ModelManifest manifest, string source, OnnxRuntimeOptions options, OnnxRuntimeDevice device,
        NetworkDraft? draft = null)
    {
        (_network, _manifest, _source, _device, HalfLevels) = (network, manifest, source, device, options.HalfLevels);
        CheckMemory();
        Batch = device.Cuda is null || _network.SingleImage ? 1 : options.Batch;
        using var settings = Settings(options, device);
        if (draft is not null)
        {
            settings.OptimizedModelFilePath = draft.Path;
            settings.AddSessionConfigEntry("session.optimized_model_external_initializers_file_name", draft.WeightsFile);
            settings.AddSessionConfigEntry("session.optimized_model_external_initializers_min_size_in_bytes", "1024");
        }
        // Optimising again what is optimised could only cost time.
        if (_network.File is not null) settings.GraphOptimizationLevel = GraphOptimizationLevel.ORT_DISABLE_ALL;
        InferenceSession? session = null;
        try
        {
            _session = session = _network.File is { } file ? new(file, settings) : new(_network.Bytes, settings);
            (Shapes, PooledLength) = Probe();
        }
        catch (Exception e) when (e is OnnxRuntimeException or OutOfMemoryException)
        {
            session?.Dispose();
            throw device.Cuda is not null && Loads(_network.Bytes!) ? OrtFailure.NoDevice(e, device)
                : OrtFailure.AtLoad(e, source, manifest);
        }
        catch
        {
            session?.Dispose();
            throw;
        }
    }

    public static string RuntimeVersion => OrtEnv.Instance().GetVersionString();

    /// <summary>Highest number of images per run.</summary>
    public int Batch { get; }

    public IReadOnlyList<LevelShape> Shapes { get; }

    public int PooledLength { get; }

    /// <summary>Whether levels are float16.</summary>
    public bool HalfLevels { get; }

    internal Action? BeforeRun { get; set; }

    private int[] InputShape => [3, _manifest.InputHeight, _manifest.InputWidth];

    /// <summary>A run with its own buffers, for the caller alone until it gives it back.</summary>
    public BoundRun Rent() => _idle.TryPop(out var run) ? run : new BoundRun(this, InputShape);

    public void GiveBack(BoundRun run) => _idle.Push(run);

    /// <exception cref="SpadeException">The device failed.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; the session stays usable.</exception>
    public void Run(RunOptions options, OrtIoBinding binding, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        using var registration = cancellation.UnsafeRegister(run => ((RunOptions)run!).Terminate = true, options);
        try
        {
            BeforeRun?.Invoke();
            _session.RunWithBinding(options, binding);
        }
        catch (Exception e) when (e is OnnxRuntimeException or OutOfMemoryException)
        {
            cancellation.ThrowIfCancellationRequested();
            throw OrtFailure.AtRun(e, _source, _device);
        }
        finally
        {
            registration.Unregister(); // waits for a running callback, so that the next line is executed last
            if (cancellation.IsCancellationRequested) options.Terminate = false;
        }
    }

    /// <summary>Binds memory to the input and the outputs.</summary>
    public OrtIoBinding Bind(OrtValue input, OrtValue pooled, IEnumerable<OrtValue> levels)
    {
        var binding = _session.CreateIoBinding();
        binding.BindInput(_network.Input, input);
        binding.BindOutput(_network.Pooled, pooled);
        foreach (var (name, level) in _network.Levels.Zip(levels)) binding.BindOutput(name, level);
        return binding;
    }

    /// <summary>When all runs were given back.</summary>
    public void Dispose()
    {
        foreach (var run in _idle) run.Dispose();
        _session.Dispose();
    }

    internal static SessionOptions Settings(OnnxRuntimeOptions options, OnnxRuntimeDevice device)
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
        // Without it, sums of int8 products overflow on processors with AVX2 and no VNNI; with VNNI it takes three times as long.
        if (!HasVnni()) settings.AddSessionConfigEntry("session.x64quantprecision", "1");
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

    /// <summary>Integer dot products, which add four products of int8 to 32 bits in one step.</summary>
    private static bool HasVnni()
    {
        const int Features = 7, Avx512VnniBit = 1 << 11;
        return AvxVnni.IsSupported || (Avx512BW.IsSupported && (X86Base.CpuId(Features, 0).Ecx & Avx512VnniBit) != 0);
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

    /// <summary>While loading there are about three copies of the weights: the network's, the session's and the packed ones. Those of an
    /// optimised network are mapped.</summary>
    private void CheckMemory()
    {
        if (_network.Bytes is not { Length: var length }) return;
        long needed = 3L * length, available = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        if (needed > available)
            throw new SpadeException(SpadeError.ResourceExhausted,
                $"{_source} has {length:N0} bytes of weights; loading them on {_device} takes about {needed:N0} bytes " +
                $"of memory and this process may use {available:N0}");
    }

    /// <summary>Runs a black image to find the shapes; exported models rarely state them all.</summary>
    private (IReadOnlyList<LevelShape> Shapes, int PooledLength) Probe()
    {
        using var input = OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, TensorElementType.Float,
            [1, .. InputShape.Select(n => (long)n)]);
        input.GetTensorMutableDataAsSpan<float>().Clear();
        using var run = new RunOptions();
        using var outputs = _session.Run(run, [_network.Input], [input], [.. _network.Levels, _network.Pooled]);
        long[][] shapes = [.. outputs.Select(o => o.GetTensorTypeAndShape().Shape)];
        foreach (long[] s in shapes)
            if (s.Contains(0) || s[0] != 1)
                throw new SpadeException(SpadeError.InvalidArgument,
                    $"{_source}: an output for one image has the dimensions [{string.Join(", ", s)}]; levels must be [N, C, H, W], the " +
                        $"pooled feature [N, C]");
        return ([.. shapes[..^1].Select(s => new LevelShape((int)s[1], (int)s[2], (int)s[3]))], (int)shapes[^1][1]);
    }
}
