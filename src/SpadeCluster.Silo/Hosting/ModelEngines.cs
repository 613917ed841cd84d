using System.Collections.Concurrent;
using Microsoft.Extensions.Options;
using SpadeCluster.Features;
using SpadeCluster.Grains.Extraction;
using SpadeCluster.Imaging;
using SpadeCluster.Inference;
using SpadeCluster.Inference.Default;
using SpadeCluster.Inference.Managed;

namespace SpadeCluster.Silo.Hosting;

/// <summary>The models of this silo: the embedded one and those in the models folder, opened when a gallery asks for them.</summary>
internal sealed class ModelEngines(IOptions<SiloOptions> options) : IFeatureEngines, IDeviceEngines, IImagePreparers, IDisposable
{
    private readonly ConcurrentDictionary<string, Lazy<IFeatureExtractor>> _extractors = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, IImagePreparer> _preparers = new(StringComparer.Ordinal);
    private readonly Lazy<InferenceModel> _default = new(() => options.Value.DefaultModel is { } folder ? ModelFolder.Open(folder) : DefaultModel.Open());

    public FeatureEngine Default
    {
        get
        {
            var extractor = Extractor(_default.Value);
            return new FeatureEngine(extractor, new ImagePreparer(Preprocessing.Stretch(extractor.Model.InputWidth, extractor.Model.InputHeight)));
        }
    }

    // Managed extractors share the processors: every slot is the same device.
    public IFeatureEngines On(int slot) => this;

    public IImagePreparer For(string preprocessing) => _preparers.GetOrAdd(preprocessing, p => new ImagePreparer(Preprocessing.Parse(p)));

    public FeatureEngine For(FeatureModel model, string preprocessing)
    {
        var extractor = _extractors.TryGetValue(model.Digest, out var open) ? open.Value : Extractor(Find(model));
        return new FeatureEngine(extractor, For(preprocessing));
    }

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

    private IFeatureExtractor Extractor(InferenceModel model)
        => _extractors.GetOrAdd(model.Digest, _ => new Lazy<IFeatureExtractor>(() => new ManagedExtractor(model, options.Value.Threads))).Value;
}
