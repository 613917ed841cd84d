using Microsoft.Extensions.Options;
using SpadeCluster.Cluster.Extraction;
using SpadeCluster.Features;
using SpadeCluster.Imaging;
using SpadeCluster.Inference;
using SpadeCluster.Inference.OnnxRuntime;

namespace SpadeCluster.Cli.Silo;

/// <summary>The engines of this silo's devices. Slots of the same device share its extractors.</summary>
internal sealed partial class DeviceEngines : IDeviceEngines, IDisposable
{
    private readonly SiloOptions _options;
    private readonly IConfigurationSection _onnxRuntime;
    private readonly IImagePreparers _preparers;
    private readonly ModelCatalog _catalog;

    public DeviceEngines(IOptions<SiloOptions> options, IConfiguration configuration,
        IImagePreparers preparers, ILogger<DeviceEngines> logger)
    {
        (_options, _preparers) = (options.Value, preparers);
        _onnxRuntime = configuration.GetSection($"{SiloOptions.Section}:OnnxRuntime");
        _catalog = new(_options.DefaultModel, _options.Models, OnnxRuntime, warning => LogModel(logger, warning), NetworkCache.OfUser());
    }

    public static bool IsDevice(string text)
    {
        try
        {
            _ = OnnxRuntimeDevice.Parse(text);
            return true;
        }
        catch (SpadeException)
        {
            return false;
        }
    }

    /// <summary>Health of every open extractor, by device.</summary>
    public IEnumerable<ExtractorHealth> Health => _catalog.Health;

    public IReadOnlyList<FeatureModel> Models => _catalog.Models(OnnxRuntimeDevice.Parse(_options.DeviceList[0]));

    /// <summary>Opens the default model on every device, and warms it up.</summary>
    /// <exception cref="SpadeException">Unavailable: a device is missing. Otherwise as for the model.</exception>
    public void Open()
    {
        foreach (string device in _options.DeviceList) _ = _catalog.Extractor(OnnxRuntimeDevice.Parse(device));
    }

    public IFeatureEngines On(int slot) => new Slot(this, OnnxRuntimeDevice.Parse(_options.DeviceList[slot]));

    public void Dispose() => _catalog.Dispose();

    internal OnnxRuntimeOptions OnnxRuntime(OnnxRuntimeDevice device)
        => (_onnxRuntime.Get<OnnxRuntimeOptions>() ?? new()) with { Device = device, Threads = _options.Threads };

    private sealed class Slot(DeviceEngines engines, OnnxRuntimeDevice device) : IFeatureEngines
    {
        public FeatureEngine Default
        {
            get
            {
                var extractor = engines._catalog.Extractor(device);
                return new FeatureEngine(extractor,
                    engines._preparers.For(Preprocessing.Stretch(extractor.Model.InputWidth, extractor.Model.InputHeight).ToString()));
            }
        }

        public FeatureEngine For(FeatureModel model, string preprocessing)
            => new(engines._catalog.Extractor(device, model), engines._preparers.For(preprocessing));
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Models: {Warning}")]
    private static partial void LogModel(ILogger logger, string warning);
}
