using System.Collections.Concurrent;
using Microsoft.Extensions.Options;
using SpadeCluster.Features;
using SpadeCluster.Grains.Extraction;
using SpadeCluster.Imaging;
using SpadeCluster.Inference;
using SpadeCluster.Inference.Default;
using SpadeCluster.Inference.Managed;
using SpadeCluster.Inference.OnnxRuntime;

namespace SpadeCluster.Silo.Hosting;

/// <summary>
/// What this silo's devices can run: the embedded model and those in the models folder, opened on a device when a gallery asks
/// for them. Slots of the same device share its extractors.
/// </summary>
internal sealed class DeviceEngines(IOptions<SiloOptions> options, IOptions<OnnxRuntimeOptions> onnxRuntime, IImagePreparers preparers) : IDeviceEngines, IDisposable
{
    public const string Managed = "managed";

    private readonly ConcurrentDictionary<(string Device, string Model), Lazy<IFeatureExtractor>> _extractors = new();
    private readonly Lazy<InferenceModel> _default = new(() => options.Value.DefaultModel is { } folder ? ModelFolder.Open(folder) : DefaultModel.Open());

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
    public IEnumerable<ExtractorHealth> Health => _extractors.Where(e => e.Value.IsValueCreated).OrderBy(e => e.Key).Select(e => e.Value.Value.Health);

    /// <summary>Opens the default model on every device, and warms it up.</summary>
    /// <exception cref="SpadeException">Unavailable: a device is not there. As the model, otherwise.</exception>
    public void Open()
    {
        foreach (string device in options.Value.DeviceList) _ = Extractor(device, _default.Value);
    }

    public IFeatureEngines On(int slot) => new Slot(this, options.Value.DeviceList[slot]);

    public void Dispose()
    {
        foreach (var extractor in _extractors.Values)
            if (extractor.IsValueCreated) extractor.Value.Dispose();
    }

    private InferenceModel Find(FeatureModel model)
    {
        if (_default.Value.Digest == model.Digest) return _default.Value;
        string folder = options.Value.Models;
        return (Directory.Exists(folder) ? Directory.EnumerateDirectories(folder) : []).Order(StringComparer.Ordinal)
            .Where(d => File.Exists(Path.Combine(d, ModelFolder.ManifestFile))).Select(ModelFolder.Open).Append(DefaultModel.Open()).FirstOrDefault(m => m.Digest == model.Digest)
            ?? throw new SpadeException(SpadeError.FailedPrecondition, $"the gallery needs model '{model.Name}' (digest {model.Digest[..12]}), which the extractor silo does not have; put its folder into '{folder}'");
    }

    private IFeatureExtractor Extractor(string device, InferenceModel model)
        => _extractors.GetOrAdd((device, model.Digest), _ => new Lazy<IFeatureExtractor>(() => device == Managed
            ? new ManagedExtractor(model, options.Value.Threads)
            : new OnnxRuntimeExtractor(model, onnxRuntime.Value with { Device = OnnxRuntimeDevice.Parse(device), Threads = options.Value.Threads }))).Value;

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
            => new(engines._extractors.TryGetValue((device, model.Digest), out var open) ? open.Value : engines.Extractor(device, engines.Find(model)), engines.Preparer(preprocessing));
    }
}
