using System.Collections.Concurrent;
using SpadeCluster.Features;
using SpadeCluster.Inference.Default;
using SpadeCluster.Inference.OnnxRuntime;

namespace SpadeCluster.Inference;

/// <summary>
/// The models that a process can use, and their extractors: the default model, the built-in ones, and those in the folders below a
/// models folder. An extractor is opened when it is asked for, once for each device and model. Safe for concurrent calls.
/// </summary>
/// <param name="defaultModel">Folder or name of the model for new categories; null: the built-in default.</param>
/// <param name="modelsFolder">A folder whose folders are models.</param>
/// <param name="options">The extractor settings for a device.</param>
/// <param name="warn">Told of each folder that cannot be read.</param>
public sealed class ModelCatalog(
    string? defaultModel, string modelsFolder, Func<OnnxRuntimeDevice, OnnxRuntimeOptions> options, Action<string> warn) : IDisposable
{
    private readonly OpenExtractors<(OnnxRuntimeDevice Device, string Digest)> _extractors = new();
    private readonly ConcurrentDictionary<(string Folder, DateTime Written), FeatureModel> _described = new();

    // PublicationOnly: a failure is not kept, so that the next call sees a repaired folder.
    private readonly Lazy<InferenceModel> _default = new(() => Open(defaultModel), LazyThreadSafetyMode.PublicationOnly);

    /// <summary>What new categories are built with.</summary>
    /// <exception cref="SpadeException">As <see cref="ModelFolder.Open"/>.</exception>
    public InferenceModel Default => _default.Value;

    /// <summary>Health of every open extractor, ordered by device and model.</summary>
    public IEnumerable<ExtractorHealth> Health => _extractors.All.Select(e => e.Health)
        .OrderBy(h => h.Device, StringComparer.Ordinal).ThenBy(h => h.ModelDigest, StringComparer.Ordinal);

    /// <summary>Opens a model by the name of a built-in one or by its folder.</summary>
    /// <param name="nameOrFolder">Null: the built-in default.</param>
    /// <exception cref="SpadeException">As <see cref="ModelFolder.Open"/>.</exception>
    public static InferenceModel Open(string? nameOrFolder)
        => nameOrFolder is null or DefaultModel.Name ? DefaultModel.Open() : ModelFolder.Open(nameOrFolder);

    /// <summary>The default model's extractor.</summary>
    /// <exception cref="SpadeException">As <see cref="OnnxRuntimeExtractor"/>'s constructor and <see cref="ModelFolder.Open"/>.</exception>
    public IFeatureExtractor Extractor(OnnxRuntimeDevice device) => Extractor(device, Default.Digest, () => Default);

    /// <summary>The extractor of a gallery's model, found by its digest.</summary>
    /// <exception cref="SpadeException">FailedPrecondition: no model here has this digest. As the other overload, otherwise.</exception>
    public IFeatureExtractor Extractor(OnnxRuntimeDevice device, FeatureModel model) => Extractor(device, model.Digest, () => Find(model));

    /// <summary>The models that new galleries can be built with: the default one, the built-in ones and those below the models
    /// folder that can be run.</summary>
    public IReadOnlyList<FeatureModel> Models(OnnxRuntimeDevice device)
    {
        var models = new List<FeatureModel> { Extractor(device).Model };
        foreach (string folder in ModelFolders.In(modelsFolder))
        {
            try
            {
                var written = File.GetLastWriteTimeUtc(Path.Combine(folder, ModelFolder.ManifestFile));
                models.Add(_described.GetOrAdd((folder, written), _ => Describe(device, folder)));
            }
            catch (SpadeException e)
            {
                warn($"model folder '{folder}' is left out: {e.Message}");
            }
        }
        return [.. models.DistinctBy(m => m.Digest)];
    }

    public void Dispose() => _extractors.Dispose();

    private IFeatureExtractor Extractor(OnnxRuntimeDevice device, string digest, Func<InferenceModel> find)
        => _extractors.Get((device, digest), () => new OnnxRuntimeExtractor(find(), options(device) with { Device = device }));

    /// <summary>Opens a folder's model for a look only: the weights of models that nobody scores with do not stay in memory.</summary>
    private FeatureModel Describe(OnnxRuntimeDevice device, string folder)
    {
        using var extractor = new OnnxRuntimeExtractor(ModelFolder.Open(folder), options(device) with { Device = device });
        return extractor.Model;
    }

    private InferenceModel Find(FeatureModel model)
    {
        if (Default.Digest == model.Digest) return Default;
        if (DefaultModel.Open() is var embedded && embedded.Digest == model.Digest) return embedded;
        return ModelFolders.Find(modelsFolder, model.Digest, warn)
            ?? throw new SpadeException(SpadeError.FailedPrecondition,
                $"the gallery needs model '{model.Name}' (digest {model.Digest[..12]}), which is not below '{modelsFolder}': " +
                "put its folder there, or name the folder");
    }
}
