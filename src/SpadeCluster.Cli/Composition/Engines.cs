using System.Collections.Concurrent;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Imaging;
using SpadeCluster.Inference;
using SpadeCluster.Inference.Default;

namespace SpadeCluster.Cli.Composition;

/// <summary>
/// The models this process can use: the one named on the command line, the embedded one, and those below ./models, opened
/// when a gallery asks for them.
/// </summary>
internal sealed class Engines(string? modelFolder, string? preprocessing = null, ExtractorSettings? extractor = null) : IFeatureEngines, IDisposable
{
    public const string ModelsFolder = "models";

    private readonly OpenExtractors<string> _extractors = new();
    private readonly ConcurrentDictionary<(string Folder, DateTime Written), FeatureModel> _described = new();
    // A model that cannot be opened is tried again by the next call; one that two calls open at once is the same.
    private readonly Lazy<InferenceModel> _named = new(() => modelFolder is null ? DefaultModel.Open() : ModelFolder.Open(modelFolder), LazyThreadSafetyMode.PublicationOnly);

    private readonly ExtractorSettings _settings = extractor ?? new();

    /// <summary>Threads for one image; 0: all processors.</summary>
    public int Threads => _settings.Threads;

    public FeatureEngine Default
    {
        get
        {
            var extractor = Extractor(_named.Value);
            var geometry = preprocessing is null ? Preprocessing.Stretch(extractor.Model.InputWidth, extractor.Model.InputHeight) : Preprocessing.Parse(preprocessing);
            return Compose(extractor, geometry);
        }
    }

    public FeatureEngine For(FeatureModel model, string preprocessing)
    {
        if (modelFolder is not null && _named.Value.Digest != model.Digest)
            throw new SpadeException(SpadeError.FailedPrecondition, $"the gallery was built with model '{model.Name}' (digest {model.Digest[..12]}), but '{modelFolder}' is '{_named.Value.Manifest.Name}' ({_named.Value.Digest[..12]}): use that model, or build a new category");
        return Compose(_extractors.Get(model.Digest, () => Extractors.Open(Find(model), _settings)), Preprocessing.Parse(preprocessing));
    }

    /// <summary>Health of every extractor that is open.</summary>
    public IReadOnlyList<ExtractorHealth> Health() => [.. _extractors.All.Select(e => e.Health)];

    /// <summary>The gallery service as every command uses it: with a small picture kept of each normal.</summary>
    /// <param name="thumbnails">Whether a small picture of each normal is kept.</param>
    /// <param name="open">How a version is opened for calibration; null: by itself.</param>
    public GalleryService Galleries(IGalleryStore store, string author, bool thumbnails = true, Func<GalleryManifest, CancellationToken, ValueTask<OpenGallery>>? open = null)
        => new(store, this, author, Threads, thumbnail: thumbnails ? image => Thumbnail.Encode(image, GalleryService.MaxThumbnailBytes) : null, open: open);

    public void Dispose() => _extractors.Dispose();

    /// <summary>Models that new galleries can be built with: the default one and those below ./models that can be run.</summary>
    public IReadOnlyList<FeatureModel> Models()
    {
        var models = new List<FeatureModel> { Extractor(_named.Value).Model };
        foreach (string folder in ModelFolders.In(ModelsFolder))
        {
            try
            {
                models.Add(_described.GetOrAdd((folder, File.GetLastWriteTimeUtc(Path.Combine(folder, ModelFolder.ManifestFile))), _ => Describe(folder)));
            }
            catch (SpadeException e)
            {
                Warn($"model folder '{folder}' is left out: {e.Message}");
            }
        }
        return [.. models.DistinctBy(m => m.Digest)];
    }

    /// <summary>Opened for a look only: weights stay in memory for what is scored with.</summary>
    private FeatureModel Describe(string folder)
    {
        using var extractor = Extractors.Open(ModelFolder.Open(folder), _settings);
        return extractor.Model;
    }

    private InferenceModel Find(FeatureModel model)
    {
        if (_named.Value.Digest == model.Digest) return _named.Value;
        return ModelFolders.Find(ModelsFolder, model.Digest, Warn)
            ?? throw new SpadeException(SpadeError.FailedPrecondition, $"the gallery needs model '{model.Name}' (digest {model.Digest[..12]}), which is not below ./{ModelsFolder}: name its folder with --model");
    }

    private IFeatureExtractor Extractor(InferenceModel model) => _extractors.Get(model.Digest, () => Extractors.Open(model, _settings));

    private static void Warn(string warning) => Console.Error.WriteLine($"spade: {warning}");

    private static FeatureEngine Compose(IFeatureExtractor extractor, Preprocessing geometry)
    {
        var model = extractor.Model;
        return (geometry.Width, geometry.Height) == (model.InputWidth, model.InputHeight) ? new FeatureEngine(extractor, new ImagePreparer(geometry, ImageReader.Default))
            : throw new SpadeException(SpadeError.InvalidArgument, $"preprocessing '{geometry}' does not end in the input size of model '{model.Name}', {model.InputWidth}x{model.InputHeight}");
    }
}
