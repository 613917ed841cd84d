using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using SpadeCluster.Features;
using SpadeCluster.Inference.BuiltIn;
using SpadeCluster.Inference.OnnxRuntime;

namespace SpadeCluster.Inference;

/// <summary>
/// The models that a process can use, and their extractors: the default model, the built-in ones, and those in the folders below a
/// models folder. An extractor is opened when it is asked for, once for each device and model. Safe for concurrent calls.
/// </summary>
/// <param name="defaultModel">Built-in name or folder of the model for new categories; null: the built-in default.</param>
/// <param name="modelsFolder">A folder that contains model folders.</param>
/// <param name="options">The extractor settings for a device.</param>
/// <param name="warn">Receives a warning for each model that cannot be read.</param>
/// <param name="cache">Where extractors find and keep optimised networks; null: none.</param>
public sealed class ModelCatalog(string? defaultModel, string modelsFolder, Func<OnnxRuntimeDevice, OnnxRuntimeOptions> options,
    Action<string> warn, NetworkCache? cache = null) : IDisposable
{
    private readonly OpenExtractors<(OnnxRuntimeDevice Device, string Digest)> _extractors = new();
    private readonly ConcurrentDictionary<(string Digest, DateTime Written), FeatureModel> _described = new();

    // PublicationOnly: a failure is not kept, so that the next call sees a repaired folder.
    private readonly Lazy<ModelSource> _default = new(() => ModelSource.Of(defaultModel), LazyThreadSafetyMode.PublicationOnly);

    /// <summary>The model of new categories.</summary>
    /// <exception cref="SpadeException">As <see cref="ModelSource.Of"/>.</exception>
    public ModelSource Default => _default.Value;

    /// <summary>Health of every open extractor, ordered by device and model.</summary>
    public IEnumerable<ExtractorHealth> Health => _extractors.All.Select(e => e.Health)
        .OrderBy(h => h.Device, StringComparer.Ordinal).ThenBy(h => h.ModelDigest, StringComparer.Ordinal);

    /// <summary>The default model's extractor.</summary>
    /// <exception cref="SpadeException">As <see cref="OnnxRuntimeExtractor"/>'s constructor and <see cref="ModelFolder.Open"/>.</exception>
    public IFeatureExtractor Extractor(OnnxRuntimeDevice device) => Extractor(device, Default.Digest, () => Default);

    /// <summary>The extractor of a gallery's model, found by its digest.</summary>
    /// <exception cref="SpadeException">FailedPrecondition: no model here has this digest. As the other overload, otherwise.</exception>
    public IFeatureExtractor Extractor(OnnxRuntimeDevice device, FeatureModel model) => Extractor(device, model.Digest, () => Find(model));

    /// <summary>Opens a model if there is one with this digest, so that <see cref="Extractor(OnnxRuntimeDevice, FeatureModel)"/> finds it
    /// open.</summary>
    /// <exception cref="SpadeException">As for the extractor.</exception>
    public void OpenAhead(OnnxRuntimeDevice device, string digest)
    {
        if (Find(digest) is { } source) _ = Extractor(device, digest, () => source);
    }

    /// <summary>All models that can be read, each once: the default one, the built-in ones and those below the models folder.</summary>
    public IEnumerable<ModelSource> Sources()
    {
        string?[] all = [defaultModel, .. BuiltInModels.Names, .. FoldersIn(modelsFolder)];
        return all.Select(Read).OfType<ModelSource>().DistinctBy(s => s.Digest);
    }

    /// <summary>The models that new galleries can be built with, the default one first.</summary>
    public IReadOnlyList<FeatureModel> Models(OnnxRuntimeDevice device)
    {
        var models = new List<FeatureModel> { Extractor(device).Model };
        foreach (var source in Sources().Where(s => s.Digest != Default.Digest))
        {
            try
            {
                models.Add(_described.GetOrAdd((source.Digest, Written(source)), _ => Describe(device, source)));
            }
            catch (SpadeException e)
            {
                warn($"model '{source.Location ?? source.Manifest.Name}' is left out: {e.Message}");
            }
        }
        return models;
    }

    /// <summary>Loads and configures ONNX Runtime, which the first extractor does otherwise.</summary>
    public static void LoadRuntime() => RuntimeHelpers.RunClassConstructor(typeof(BoundSession).TypeHandle);

    public void Dispose() => _extractors.Dispose();

    /// <summary>The model folders directly below a folder, by name; not checked whether they can be opened.</summary>
    public static IEnumerable<string> FoldersIn(string folder) => (Directory.Exists(folder) ? Directory.EnumerateDirectories(folder) : [])
        .Order(StringComparer.Ordinal).Where(d => File.Exists(Path.Combine(d, ModelFolder.ManifestFile)));

    private IFeatureExtractor Extractor(OnnxRuntimeDevice device, string digest, Func<ModelSource> find)
        => _extractors.Get((device, digest), () => Open(device, find()));

    private OnnxRuntimeExtractor Open(OnnxRuntimeDevice device, ModelSource source)
        => new(source, options(device) with { Device = device }, cache);

    /// <summary>Opens a model only to describe it, so that the weights of unused models do not stay in memory.</summary>
    private FeatureModel Describe(OnnxRuntimeDevice device, ModelSource source)
    {
        using var extractor = Open(device, source);
        return extractor.Model;
    }

    private static DateTime Written(ModelSource source)
        => source.NetworkFile is { } file ? File.GetLastWriteTimeUtc(file) : default;

    private ModelSource? Find(string digest) => Sources().FirstOrDefault(s => s.Digest == digest);

    private ModelSource Find(FeatureModel model) => Find(model.Digest)
        ?? throw new SpadeException(SpadeError.FailedPrecondition,
            $"the gallery needs model '{model.Name}' (digest {model.Digest[..12]}), which is not below '{modelsFolder}': put its folder " +
                $"there, or name the folder");

    private ModelSource? Read(string? nameOrFolder)
    {
        try
        {
            return ModelSource.Of(nameOrFolder);
        }
        catch (SpadeException e)
        {
            warn($"model '{nameOrFolder ?? BuiltInModels.Default}' is left out: {e.Message}");
            return null;
        }
    }
}
