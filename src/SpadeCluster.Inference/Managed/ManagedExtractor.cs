using System.Runtime.InteropServices;
using SpadeCluster.Features;
using SpadeCluster.Inference.Onnx;

namespace SpadeCluster.Inference.Managed;

/// <summary>
/// Runs a model's network in C#, on the caller's thread and <c>threads - 1</c> of its own. Results have the same bits for
/// any number of threads and any batch. Concurrent calls take turns, image by image: each image already gets all
/// threads, so turns cost nothing and one set of buffers serves everybody. Nothing is allocated once it has run.
/// </summary>
public sealed class ManagedExtractor : IFeatureExtractor
{
    private readonly ExecutionPlan _plan;
    private readonly WorkerTeam _team;
    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly float[][] _normalised = new float[3][]; // [network channel][byte]
    private readonly int[] _channelOf; // offset in a pixel of each network channel
    private readonly GCHandle[] _pins;
    private volatile bool _disposed;

    /// <param name="threads">Threads an image may use; 0 for one per processor.</param>
    /// <exception cref="SpadeException">InvalidArgument: the network is damaged or needs what is not supported.</exception>
    public ManagedExtractor(InferenceModel model, int threads = 0) : this(model, threads, KernelSet.Best) { }

    internal ManagedExtractor(InferenceModel model, int threads, SimdPath path)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(threads);
        if (threads == 0) threads = Environment.ProcessorCount;
        var m = model.Manifest;
        _plan = GraphCompiler.Compile(OnnxGraph.Read(model.Network, model.Source), [1, 3, m.InputHeight, m.InputWidth], m.Levels, m.Pooled, KernelSet.For(path), threads);
        LevelShape[] shapes = [.. _plan.Levels.Select(l => new LevelShape(l.Output.Shape[2], l.Output.Shape[3], l.Output.Shape[1]))];
        foreach (var s in shapes)
            if (s.Height > shapes[0].Height || shapes[0].Height % s.Height != 0 || shapes[0].Width % s.Width != 0)
                throw new SpadeException(SpadeError.InvalidArgument, $"{model.Source}: a level of {s} does not divide the finest of {shapes[0]}; list levels finest first and choose an input size that fits");
        Model = new FeatureModel(m.Name, model.Digest, m.InputWidth, m.InputHeight, shapes, _plan.Pooled.Length, m.WeightChannels);
        _channelOf = m.ChannelOrder == ChannelOrder.RGB ? [0, 1, 2] : [2, 1, 0];
        for (int c = 0; c < 3; c++) _normalised[c] = [.. Enumerable.Range(0, 256).Select(v => (float)((v - (double)m.Mean[c]) / m.Scale[c]))];
        _pins = new GCHandle[shapes.Length];
        for (int i = 0; i < _pins.Length; i++) _pins[i] = GCHandle.Alloc(null, GCHandleType.Pinned);
        _team = new WorkerTeam(_plan.Steps, threads);
    }

    public FeatureModel Model { get; }

    /// <summary>For measuring single steps.</summary>
    internal ExecutionPlan Plan => _plan;

    /// <summary>The steps of the last image and what each took. Not to be called while one is extracted.</summary>
    public IReadOnlyList<StepTime> LastSteps() => [.. _plan.Steps.Select((s, i) => new StepTime(s.Kind, _team.Took(i).TotalMilliseconds, s.MultiplyAdds))];

    /// <summary>Computes on the calling thread; see <see cref="IFeatureExtractor"/>. Cancellation is noticed between steps
    /// of the network, within milliseconds.</summary>
    public async ValueTask ExtractAsync(IReadOnlyList<RgbImage> images, IReadOnlyList<ImageFeatures> features, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentOutOfRangeException.ThrowIfNotEqual(features.Count, images.Count);
        for (int i = 0; i < images.Count; i++)
        {
            if (images[i].Width != Model.InputWidth || images[i].Height != Model.InputHeight)
                throw new SpadeException(SpadeError.InvalidArgument, $"image {i} is {images[i].Width}x{images[i].Height}; model {Model.Name} takes {Model.InputWidth}x{Model.InputHeight}");
            if (features[i].Pooled.Length != Model.PooledLength || !features[i].Shapes.SequenceEqual(Model.Levels))
                throw new ArgumentException($"the buffers of image {i} are not of this model's shape", nameof(features));
        }
        for (int i = 0; i < images.Count; i++)
        {
            await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                ObjectDisposedException.ThrowIf(_disposed, this); // while this call waited for its turn
                Extract(images[i], features[i], cancellationToken);
            }
            finally
            {
                _turn.Release();
            }
        }
    }

    private unsafe void Extract(RgbImage image, ImageFeatures features, CancellationToken cancellation)
    {
        Normalise(image.Pixels);
        for (int i = 0; i < _pins.Length; i++)
        {
            _pins[i].Target = features.Levels[i];
            _plan.Levels[i].Target = (float*)_pins[i].AddrOfPinnedObject();
        }
        try
        {
            _team.Run(cancellation);
            _plan.Pooled.Data.CopyTo(features.Pooled);
        }
        finally
        {
            for (int i = 0; i < _pins.Length; i++) _pins[i].Target = null;
        }
    }

    private unsafe void Normalise(byte[] pixels)
    {
        int plane = Model.InputWidth * Model.InputHeight;
        for (int c = 0; c < 3; c++)
        {
            float[] table = _normalised[c];
            float* target = _plan.Input.Pointer + ((long)c * plane);
            for (int i = 0, at = _channelOf[c]; i < plane; i++, at += 3) target[i] = table[pixels[at]];
        }
    }

    public void Dispose()
    {
        _turn.Wait();
        try
        {
            if (_disposed) return;
            _disposed = true;
            _team.Dispose();
            _plan.Dispose();
            foreach (var pin in _pins) pin.Free();
        }
        finally
        {
            _turn.Release();
        }
    }
}
