using System.Collections.Concurrent;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Imaging;
using SpadeCluster.Inference;
using SpadeCluster.Inference.OnnxRuntime;

namespace SpadeCluster.Cli.Composition;

/// <summary>The models of the command line: the named one, the built-in ones, and those below ./models.</summary>
internal sealed class Engines : IFeatureEngines, IDisposable
{
    public const string ModelsFolder = "models";

    private readonly string? _model;
    private readonly Func<FeatureModel, string>? _preprocessing;
    private readonly ExtractorSettings _settings;
    private readonly ModelCatalog _catalog;
    private string? _chosen;
    private Task _ahead = Task.CompletedTask;

    /// <param name="model">Folder or name of the model; null: the default one, or for an existing gallery its own model.</param>
    /// <param name="extractor">Its device and threads.</param>
    public Engines(string? model, ExtractorSettings? extractor = null)
    {
        (_model, _settings) = (model, extractor ?? new());
        var said = new ConcurrentDictionary<string, bool>();
        _catalog = new(model, ModelsFolder, _ => _settings.Options, warning =>
        {
            if (said.TryAdd(warning, true)) Console.Error.WriteLine($"spade: {warning}");
        }, NetworkCache.OfUser());
    }

    private Engines(Engines others, Func<FeatureModel, string> preprocessing) =>
        (_model, _preprocessing, _settings, _catalog) = (others._model, preprocessing, others._settings, others._catalog);

    /// <summary>Threads for one image; 0: its share of the processors (all of them while nothing else runs).</summary>
    public int Threads => _settings.Threads;

    public FeatureEngine Default
    {
        get
        {
            var opened = _catalog.Extractor(_settings.Options.Device);
            return Compose(opened, _preprocessing is null ? Preprocessing.Stretch(opened.Model.InputWidth, opened.Model.InputHeight)
                : Preprocessing.Parse(_chosen ??= _preprocessing(opened.Model)));
        }
    }

    /// <summary>The same models with another geometry for new categories; not to be disposed in addition to this.</summary>
    /// <param name="preprocessing">Chooses the geometry for the model; called once, when needed.</param>
    public Engines Preparing(Func<FeatureModel, string> preprocessing) => new(this, preprocessing);

    public FeatureEngine For(FeatureModel wanted, string preprocessing)
    {
        if (_model is not null && _catalog.Default is var named && named.Digest != wanted.Digest)
            throw new SpadeException(SpadeError.FailedPrecondition,
                $"the gallery was built with model '{wanted.Name}' (digest {wanted.Digest[..12]}), but '{_model}' is "
                + $"'{named.Manifest.Name}' " +
                $"({named.Digest[..12]}): use that model, or build a new category");
        return Compose(_catalog.Extractor(_settings.Options.Device, wanted), Preprocessing.Parse(preprocessing));
    }

    public IImagePreparer PreparerFor(FeatureModel model, string preprocessing)
        => new ImagePreparer(Fitting(model, Preprocessing.Parse(preprocessing)), ImageReader.Default);

    /// <summary>Begins to open a gallery's model, for a command that will need it but has other things to do first.</summary>
    /// <param name="digest">Finds the model's digest; null: only ONNX Runtime is loaded.</param>
    public void OpenAhead(Func<ValueTask<string?>> digest) => _ahead = Task.Run(async () =>
    {
        try
        {
            ModelCatalog.LoadRuntime();
            if (await digest() is { } wanted && (_model is null || _catalog.Default.Digest == wanted))
                _catalog.OpenAhead(_settings.Options.Device, wanted);
        }
        catch (SpadeException)
        {
            // The command meets the same error, and says it.
        }
    });

    /// <summary>Health of every open extractor.</summary>
    public IReadOnlyList<ExtractorHealth> Health() => [.. _catalog.Health];

    /// <summary>Models with which new galleries can be built.</summary>
    public IReadOnlyList<FeatureModel> Models() => _catalog.Models(_settings.Options.Device);

    /// <summary>The gallery service of all commands.</summary>
    /// <param name="thumbnails">Whether to keep a thumbnail of each normal.</param>
    /// <param name="open">Opens a version for calibration; null: the default.</param>
    /// <param name="keepDeleted">For how long a deleted category can be restored; null: the default.</param>
    public GalleryService Galleries(IGalleryStore store, string author, bool thumbnails = true,
        Func<GalleryManifest, CancellationToken, ValueTask<OpenGallery>>? open = null, TimeSpan? keepDeleted = null)
        => new(store, this, author, Threads, thumbnail: thumbnails ? image =>
            Thumbnail.Encode(image, GalleryService.MaxThumbnailBytes) : null, open: open)
        { KeepDeleted = keepDeleted ?? Deletion.DefaultKeep };

    public void Dispose()
    {
        Task.WaitAny(_ahead); // if it failed, opening a model has failed too
        _catalog.Dispose();
    }

    private static FeatureEngine Compose(IFeatureExtractor extractor, Preprocessing geometry)
        => new(extractor, new ImagePreparer(Fitting(extractor.Model, geometry), ImageReader.Default));

    private static Preprocessing Fitting(FeatureModel model, Preprocessing geometry)
        => (geometry.Width, geometry.Height) == (model.InputWidth, model.InputHeight) ? geometry
            : throw new SpadeException(SpadeError.InvalidArgument,
                $"preprocessing '{geometry}' does not end in the input size of model '{model.Name}', "
                + $"{model.InputWidth}x{model.InputHeight}");
}
