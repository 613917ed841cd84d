using Microsoft.Extensions.Options;
using SpadeCluster.Features;
using SpadeCluster.Cluster.Extraction;
using SpadeCluster.Imaging;
using SpadeCluster.Inference;
using SpadeCluster.Inference.Default;
using SpadeCluster.Inference.Managed;
using SpadeCluster.Inference.OnnxRuntime;

namespace SpadeCluster.Cli.Silo;

/// <summary>
/// What this silo's devices can run: the embedded model and those in the models folder, opened on a device when a gallery asks
/// for them. Slots of the same device share its extractors.
/// </summary>
internal sealed partial class DeviceEngines(IOptions<SiloOptions> options, IOptions<ExtractorOptions> queue, IConfiguration configuration, IImagePreparers preparers, ILogger<DeviceEngines> logger) : IDeviceEngines, IDisposable
{
    public const string Managed = "managed";

    private readonly IConfigurationSection _onnxRuntime = configuration.GetSection($"{SiloOptions.Section}:OnnxRuntime");
    private readonly OpenExtractors<(string Device, string Model)> _extractors = new();
    // A model that cannot be opened is tried again by the next call; one that two calls open at once is the same.
    private readonly Lazy<InferenceModel> _default = new(() => options.Value.DefaultModel is { } folder ? ModelFolder.Open(folder) : DefaultModel.Open(), LazyThreadSafetyMode.PublicationOnly);

    public static bool IsDevice(string text)
    {
        try
        {
            _ = text == Managed ? OnnxRuntimeDevice.Cpu : OnnxRuntimeDevice.Parse(text);
            return true;
        }
        catch (SpadeException)
        {
            return false;
        }
    }

    /// <summary>Health of every extractor that is open, by device.</summary>
    public IEnumerable<ExtractorHealth> Health => _extractors.All.Select(e => e.Health).OrderBy(h => h.Device, StringComparer.Ordinal).ThenBy(h => h.ModelDigest, StringComparer.Ordinal);

    /// <summary>Opens the default model on every device, and warms it up.</summary>
    /// <exception cref="SpadeException">Unavailable: a device is not there. As the model, otherwise.</exception>
    public void Open()
    {
        foreach (string device in options.Value.DeviceList) _ = Extractor(device, _default.Value);
    }

    public IFeatureEngines On(int slot) => new Slot(this, options.Value.DeviceList[slot]);

    public void Dispose() => _extractors.Dispose();

    private InferenceModel Find(FeatureModel model)
    {
        if (_default.Value.Digest == model.Digest) return _default.Value;
        if (DefaultModel.Open() is var embedded && embedded.Digest == model.Digest) return embedded;
        string folder = options.Value.Models;
        return ModelFolders.Find(folder, model.Digest, warning => LogModel(logger, warning))
            ?? throw new SpadeException(SpadeError.FailedPrecondition, $"the gallery needs model '{model.Name}' (digest {model.Digest[..12]}), which the extractor silo does not have; put its folder into '{folder}'");
    }

    private IFeatureExtractor Extractor(string device, InferenceModel model)
        => Extractor(device, model.Digest, () => model);

    /// <param name="find">Asked for the model where its extractor is not open yet.</param>
    private IFeatureExtractor Extractor(string device, string digest, Func<InferenceModel> find)
        => _extractors.Get((device, digest), () => device == Managed
            ? new ManagedExtractor(find(), options.Value.Threads)
            : new OnnxRuntimeExtractor(find(), OnnxRuntime(OnnxRuntimeDevice.Parse(device))));

    /// <summary>Settings of ONNX Runtime on a device. Where no batch is named, the CPU takes the images that were gathered
    /// together in one run, which changes no result; on CUDA it would, so that it has to be named there.</summary>
    internal OnnxRuntimeOptions OnnxRuntime(OnnxRuntimeDevice device)
    {
        var named = _onnxRuntime.Get<OnnxRuntimeOptions>() ?? new();
        return named with { Device = device, Threads = options.Value.Threads, Batch = device.Cuda is null && _onnxRuntime[nameof(named.Batch)] is null ? queue.Value.MaxBatch : named.Batch };
    }

    private IImagePreparer Preparer(string preprocessing) => preparers.For(preprocessing);

    private sealed class Slot(DeviceEngines engines, string device) : IFeatureEngines
    {
        public FeatureEngine Default
        {
            get
            {
                var extractor = engines.Extractor(device, engines._default.Value);
                return new FeatureEngine(extractor, engines.Preparer(Preprocessing.Stretch(extractor.Model.InputWidth, extractor.Model.InputHeight).ToString()));
            }
        }

        public FeatureEngine For(FeatureModel model, string preprocessing)
            => new(engines.Extractor(device, model.Digest, () => engines.Find(model)), engines.Preparer(preprocessing));
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Models: {Warning}")]
    private static partial void LogModel(ILogger logger, string warning);
}
