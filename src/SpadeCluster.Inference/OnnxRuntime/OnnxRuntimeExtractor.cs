using System.Diagnostics.CodeAnalysis;
using System.IO.Hashing;
using System.Runtime.InteropServices;
using SpadeCluster.Features;
using SpadeCluster.Inference.Onnx;

namespace SpadeCluster.Inference.OnnxRuntime;

/// <summary>
/// Runs a model's network with ONNX Runtime on the CPU or a CUDA device. A CUDA device computes one batch after the other. On the CPU as
/// many images as there are processors are computed at the same time: an image that is alone gets all threads, and each of many gets one
/// (<see cref="ProcessorShare"/>). A device that is lost or out of memory makes the extractor unhealthy: that call and every later one
/// fails with the reason, until the owner opens a new extractor. If configured, it continues on the CPU instead and reports that.
/// </summary>
public sealed class OnnxRuntimeExtractor : IFeatureExtractor
{
    private readonly ModelSource _model;
    private readonly ModelManifest _manifest;
    private readonly string _source;
    private readonly OnnxRuntimeOptions _options;
    private readonly InputNormalisation _normalisation;
    private readonly SemaphoreSlim _permits;
    private readonly int _permitCount;
    private RuntimeNetwork _network;
    private BoundSession _session;
    private Lazy<BoundSession> _single;
    private OnnxRuntimeDevice _device;
    private volatile ExtractorHealth _health;
    private bool _disposed;

    /// <summary>Loads the network and warms it up with one batch, so that the first photograph does not wait.</summary>
    /// <exception cref="SpadeException">InvalidArgument: the network is damaged, or ONNX Runtime cannot run it. Unavailable: no
    /// such device. ResourceExhausted: it does not fit into memory. FailedPrecondition: its features are not finite.</exception>
    public OnnxRuntimeExtractor(InferenceModel model, OnnxRuntimeOptions? options = null)
        : this(new(model.Manifest, () => model), model.Source, options, cache: null)
    {
    }

    /// <summary>The same for a model that is read only if the cache does not have its network.</summary>
    /// <param name="cache">Used on the CPU only; null: none.</param>
    /// <exception cref="SpadeException">As the other constructor and <see cref="ModelFolder.Open"/>.</exception>
    public OnnxRuntimeExtractor(ModelSource model, OnnxRuntimeOptions? options, NetworkCache? cache)
        : this(model, model.Location ?? model.Manifest.Name, options, cache)
    {
    }

    private OnnxRuntimeExtractor(ModelSource model, string source, OnnxRuntimeOptions? options, NetworkCache? cache)
    {
        (_model, _manifest, _source, _options) = (model, model.Manifest, source, options ?? new());
        ArgumentOutOfRangeException.ThrowIfNegative(_options.Threads, nameof(options));
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(_options.Batch, nameof(options));
        _normalisation = new(_manifest);
        _permitCount = _options.Device.Cuda is null ? Environment.ProcessorCount : 1;
        _permits = new(_permitCount);
        if (_options.Device.Cuda is not null) cache = null;
        if (cache?.Find(model, _options.HalfLevels) is { } cached && OpenCached(cached)) return;

        var network = RuntimeNetwork.Of(model.Open(), _options.HalfLevels);
        using var draft = cache?.Draft(model, _options.HalfLevels);
        try
        {
            string features = Load(network, draft);
            draft?.Keep(features);
        }
        catch (SpadeException) when (draft is not null)
        {
            Load(network); // the disk may be full
        }
        // The file and its copies are three times the size of the model. By itself the collector would leave them until it needs the
        // memory, and a large photograph may be decoded next.
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
    }

    /// <summary>ONNX Runtime's version.</summary>
    public static string RuntimeVersion => BoundSession.RuntimeVersion;

    public FeatureModel Model { get; private set; }

    public ExtractorHealth Health => _health;

    /// <summary>For tests: called before each run; may throw the exceptions of a failing device.</summary>
    internal Action? BeforeRun { set => _session.BeforeRun = _single.Value.BeforeRun = value; }

    /// <summary>Computes while the caller waits; see <see cref="IFeatureExtractor"/>.</summary>
    /// <exception cref="SpadeException">InvalidArgument: an image does not have the model's input size. Unavailable or
    /// ResourceExhausted: the device failed now or before; see <see cref="Health"/>.</exception>
    public async ValueTask ExtractAsync(IReadOnlyList<RgbImage> images, IReadOnlyList<ImageFeatures> features,
        CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentOutOfRangeException.ThrowIfNotEqual(features.Count, images.Count);
        for (int i = 0; i < images.Count; i++)
        {
            if (images[i].Width != Model.InputWidth || images[i].Height != Model.InputHeight)
                throw new SpadeException(SpadeError.InvalidArgument,
                    $"image {i} is {images[i].Width}x{images[i].Height}; model {Model.Name} takes {Model.InputWidth}x{Model.InputHeight}");
            if (features[i].Pooled.Length != Model.PooledLength || !features[i].Shapes.SequenceEqual(Model.Levels))
                throw new ArgumentException($"the buffers of image {i} are not of this model's shape", nameof(features));
        }
        int batch = _session.Batch;
        if (images.Count <= batch)
        {
            await ExtractAsync(0, cancellationToken);
            return;
        }
        int threads = _options.Threads > 0 ? _options.Threads : Environment.ProcessorCount;
        // So that already the first of these images knows that it is not alone.
        using var share = ProcessorShare.Begin();
        await Parallel.ForEachAsync(Enumerable.Range(0, (images.Count + batch - 1) / batch).Select(i => i * batch),
            new ParallelOptions { MaxDegreeOfParallelism = Math.Min(threads, _permitCount), CancellationToken = cancellationToken },
            ExtractAsync);

        async ValueTask ExtractAsync(int first, CancellationToken stop)
        {
            await _permits.WaitAsync(stop).ConfigureAwait(false);
            try
            {
                Extract(images, features, first, Math.Min(first + batch, images.Count), stop);
            }
            finally
            {
                _permits.Release();
            }
        }
    }

    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        for (int i = 0; i < _permitCount; i++) _permits.Wait();
        _session.Dispose();
        if (_single.IsValueCreated && _single.Value != _session) _single.Value.Dispose();
    }

    /// <summary>Opens a network of the cache, unless it fails or its features are not what they were.</summary>
    [MemberNotNullWhen(true, nameof(_network), nameof(_session), nameof(_single), nameof(_health), nameof(Model))]
    private bool OpenCached(CachedNetwork cached)
    {
        try
        {
            string features = Load(RuntimeNetwork.FromCache(cached.Path, _manifest));
            if (features == cached.Entry.Features && cached.WeightsAreIntact.Result) return true;
            _session.Dispose();
        }
        catch (SpadeException)
        {
            // Damaged, or removed in this moment.
        }
        cached.Remove();
        return false;
    }

    /// <summary>Opens the device's session and warms it up.</summary>
    /// <returns>A hash of the features of the warm-up's image.</returns>
    [MemberNotNull(nameof(_network), nameof(_session), nameof(_single), nameof(_health), nameof(Model))]
    private string Load(RuntimeNetwork network, NetworkDraft? draft = null)
    {
        _network = network;
        string? note = null;
        try
        {
            Open(_options.Device, draft);
        }
        catch (SpadeException e) when (MayFallBack(e))
        {
            note = FellBack(e);
            Open(OnnxRuntimeDevice.Cpu);
        }
        try
        {
            var shapes = _session.Shapes;
            foreach (var s in shapes)
                if (s.Height > shapes[0].Height || shapes[0].Height % s.Height != 0 || shapes[0].Width % s.Width != 0)
                    throw new SpadeException(SpadeError.InvalidArgument,
                        $"{_source}: a level of {s} does not divide the finest of {shapes[0]}; list levels finest first and choose an " +
                        $"input size that fits");
            Model = new FeatureModel(_manifest.Name, _model.Digest, _manifest.InputWidth, _manifest.InputHeight, shapes,
                _session.PooledLength, _manifest.WeightChannels);
            _health = new(_device.Provider, _device.ToString(), Model.Digest, Note: note);
            return WarmUp();
        }
        catch
        {
            _session.Dispose();
            throw;
        }
    }

    [MemberNotNull(nameof(_session), nameof(_single))]
    private void Open(OnnxRuntimeDevice device, NetworkDraft? draft = null)
    {
        _device = device;
        _session = new(_network, _manifest, _source, _options, device, draft);
        _single = device.Cuda is not null || _options.Threads == 1 ? new(() => _session) : new(OpenSingle);

        BoundSession OpenSingle()
        {
            var options = _options with { Threads = 1 };
            try
            {
                return new(_network, _manifest, _source, options, device);
            }
            catch (SpadeException) when (_network.File is not null)
            {
                // Another process has removed it from the cache.
                return new(RuntimeNetwork.Of(_model.Open(), _options.HalfLevels), _manifest, _source, options, device);
            }
        }
    }

    /// <summary>Images from <paramref name="first"/> to before <paramref name="end"/>.</summary>
    /// <param name="alone">With all threads, whatever else runs.</param>
    private void Extract(IReadOnlyList<RgbImage> images, IReadOnlyList<ImageFeatures> features, int first, int end,
        CancellationToken cancellation, bool alone = false)
    {
        while (first < end)
        {
            if (_health.Problem is { } problem) throw new SpadeException(SpadeError.Unavailable, problem);
            using var share = ProcessorShare.Begin(_options.Threads);
            var session = alone || share.Threads > 1 ? _session : _single.Value;
            var run = session.Rent();
            bool lost = false;
            try
            {
                int count = Math.Min(session.Batch, end - first);
                for (int i = 0; i < count; i++) _normalisation.Apply(images[first + i].Pixels, run.Input(i));
                run.Run(_device.Cuda is null ? count : session.Batch, cancellation); // what is in the padding has no effect
                for (int i = 0; i < count; i++) run.Read(i, features[first + i]);
                first += count;
            }
            catch (SpadeException e)
            {
                _health = _health with { Problem = e.Message }; // kept if the CPU fails too
                if (!MayFallBack(e)) throw;
                // No other run uses the session: a GPU has one at a time.
                Open(OnnxRuntimeDevice.Cpu);
                lost = true;
                _health = new(_device.Provider, _device.ToString(), Model.Digest, Note: FellBack(e));
            }
            finally
            {
                session.GiveBack(run);
                if (lost) session.Dispose();
            }
        }
    }

    /// <summary>Runs a full batch of a grey ramp, which allocates all memory and shows invalid weights.</summary>
    /// <returns>A hash of its features.</returns>
    private string WarmUp()
    {
        var image = new RgbImage(Model.InputWidth, Model.InputHeight);
        for (int i = 0; i < image.Pixels.Length; i++) image.Pixels[i] = (byte)(i % 251);
        RgbImage[] images = [.. Enumerable.Repeat(image, _session.Batch)];
        var features = new ImageFeatures(Model);
        // A photograph may be decoded meanwhile; the session for one thread is opened when images need it.
        Extract(images, [.. images.Select(_ => features)], 0, images.Length, CancellationToken.None, alone: true);
        var hash = new XxHash128();
        for (int part = 0; part <= Model.Levels.Count; part++)
        {
            float[] values = part < Model.Levels.Count ? features.Levels[part] : features.Pooled;
            hash.Append(MemoryMarshal.AsBytes(values.AsSpan()));
            foreach (float value in values)
                if (!float.IsFinite(value) || (_options.HalfLevels && Math.Abs(value) > 65504))
                    throw new SpadeException(SpadeError.FailedPrecondition,
                        $"{_source}: its {(part < Model.Levels.Count ? $"level {part + 1}" : "pooled")} features contain NaN, " +
                        $"infinite or too large values; check the weights and the input scale in model.json");
        }
        return Convert.ToHexStringLower(hash.GetCurrentHash());
    }

    private bool MayFallBack(SpadeException e) => _options.FallBackToCpu && _device.Cuda is not null
        && e.Error is (SpadeError.Unavailable or SpadeError.ResourceExhausted);

    private static string FellBack(SpadeException e) => $"fell back to the CPU, as configured: {e.Message}";
}
