using Microsoft.ML.OnnxRuntime;
using SpadeCluster.Features;

namespace SpadeCluster.Inference.OnnxRuntime;

/// <summary>
/// Runs a model's network with ONNX Runtime on the CPU or a CUDA device. Concurrent calls run one after the other. A device that is lost or
/// out of memory makes the extractor unhealthy: that call and every later one fails with the reason, until the owner opens a new extractor.
/// If configured, it continues on the CPU instead and reports that.
/// </summary>
public sealed class OnnxRuntimeExtractor : IFeatureExtractor
{
    private readonly InferenceModel _model;
    private readonly OnnxRuntimeOptions _options;
    private readonly InputNormalisation _normalisation;
    private readonly SemaphoreSlim _turn = new(1, 1);
    private BoundSession _session;
    private OnnxRuntimeDevice _device;
    private volatile ExtractorHealth _health;
    private bool _disposed;

    /// <summary>Loads the network and warms it up with one batch, so that the first photograph does not wait.</summary>
    /// <exception cref="SpadeException">InvalidArgument: the network is damaged, or ONNX Runtime cannot run it. Unavailable: no
    /// such device. ResourceExhausted: it does not fit into memory. FailedPrecondition: its features are not finite.</exception>
    public OnnxRuntimeExtractor(InferenceModel model, OnnxRuntimeOptions? options = null)
    {
        (_model, _options) = (model, options ?? new());
        ArgumentOutOfRangeException.ThrowIfNegative(_options.Threads, nameof(options));
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(_options.Batch, nameof(options));
        _normalisation = new(model.Manifest);
        (_device, string? note) = (_options.Device, null);
        try
        {
            _session = new BoundSession(model, _options, _device);
        }
        catch (SpadeException e) when (MayFallBack(e))
        {
            (_device, note) = (OnnxRuntimeDevice.Cpu, FellBack(e));
            _session = new BoundSession(model, _options, _device);
        }
        var m = model.Manifest;
        var shapes = _session.Shapes;
        foreach (var s in shapes)
            if (s.Height > shapes[0].Height || shapes[0].Height % s.Height != 0 || shapes[0].Width % s.Width != 0)
            {
                _session.Dispose();
                throw new SpadeException(SpadeError.InvalidArgument,
                    $"{model.Source}: a level of {s} does not divide the finest of {shapes[0]}; list levels finest first and choose an " +
                    $"input size that fits");
            }
        Model = new FeatureModel(m.Name, model.Digest, m.InputWidth, m.InputHeight, shapes, _session.PooledLength, m.WeightChannels);
        _health = new(_device.Provider, _device.ToString(), Model.Digest, Note: note);
        try
        {
            WarmUp();
        }
        catch
        {
            _session.Dispose();
            throw;
        }
    }

    /// <summary>ONNX Runtime's version; asked for only after the first extractor, which configures it.</summary>
    public static string RuntimeVersion => OrtEnv.Instance().GetVersionString();

    public FeatureModel Model { get; }

    public ExtractorHealth Health => _health;

    /// <summary>For tests: called before each run; may throw the exceptions of a failing device.</summary>
    internal Action? BeforeRun { set => _session.BeforeRun = value; }

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
        for (int first = 0; first < images.Count;)
        {
            await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                first += Extract(images, features, first, cancellationToken);
            }
            finally
            {
                _turn.Release();
            }
        }
    }

    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        _turn.Wait();
        _session.Dispose();
    }

    /// <summary>One run, starting with image <paramref name="first"/>; returns the number of images it took.</summary>
    private int Extract(IReadOnlyList<RgbImage> images, IReadOnlyList<ImageFeatures> features, int first, CancellationToken cancellation)
    {
        if (_health.Problem is { } problem) throw new SpadeException(SpadeError.Unavailable, problem);
        int count = Math.Min(_session.Batch, images.Count - first);
        try
        {
            for (int i = 0; i < count; i++) _normalisation.Apply(images[first + i].Pixels, _session.Input(i));
            _session.Run(Size(count), cancellation);
        }
        catch (SpadeException e) when (MayFallBack(e))
        {
            _health = _health with { Problem = e.Message }; // kept if the CPU fails too
            var lost = _session;
            _session = new BoundSession(_model, _options, OnnxRuntimeDevice.Cpu);
            lost.Dispose();
            _device = OnnxRuntimeDevice.Cpu;
            _health = new(_device.Provider, _device.ToString(), Model.Digest, Note: FellBack(e));
            return Extract(images, features, first, cancellation);
        }
        catch (SpadeException e)
        {
            _health = _health with { Problem = e.Message };
            throw;
        }
        for (int i = 0; i < count; i++) _session.Read(i, features[first + i]);
        return count;
    }

    /// <summary>See <see cref="OnnxRuntimeOptions.Batch"/>. The content of the padding has no effect.</summary>
    private int Size(int images) => _device.Cuda is null ? images : _session.Batch;

    /// <summary>Runs a full batch of a grey ramp, which allocates all memory and shows invalid weights.</summary>
    private void WarmUp()
    {
        var image = new RgbImage(Model.InputWidth, Model.InputHeight);
        for (int i = 0; i < image.Pixels.Length; i++) image.Pixels[i] = (byte)(i % 251);
        RgbImage[] images = [.. Enumerable.Repeat(image, _session.Batch)];
        var features = new ImageFeatures(Model);
        Extract(images, [.. images.Select(_ => features)], 0, CancellationToken.None);
        for (int part = 0; part <= Model.Levels.Count; part++)
            foreach (float value in part < Model.Levels.Count ? features.Levels[part] : features.Pooled)
                if (!float.IsFinite(value) || (_options.HalfLevels && Math.Abs(value) > 65504))
                    throw new SpadeException(SpadeError.FailedPrecondition,
                        $"{_model.Source}: its {(part < Model.Levels.Count ? $"level {part + 1}" : "pooled")} features contain NaN, " +
                        $"infinite or too large values; check the weights and the input scale in model.json");
    }

    private bool MayFallBack(SpadeException e) => _options.FallBackToCpu && _device.Cuda is not null
        && e.Error is (SpadeError.Unavailable or SpadeError.ResourceExhausted);

    private static string FellBack(SpadeException e) => $"fell back to the CPU, as configured: {e.Message}";
}
