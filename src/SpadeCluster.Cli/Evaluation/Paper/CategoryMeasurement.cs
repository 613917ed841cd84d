using SpadeCluster.Cli.Composition;
using SpadeCluster.Cli.Output;
using SpadeCluster.Evaluation;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Imaging;
using SpadeCluster.Scoring;

namespace SpadeCluster.Cli.Evaluation.Paper;

/// <summary>
/// A category's gallery and the features of its test images, prepared as the paper does, for measuring with several settings. Each image
/// goes through the network once.
/// </summary>
internal sealed class CategoryMeasurement : IDisposable
{
    private readonly string _category;
    private readonly OpenGallery _gallery;
    private readonly List<Query> _queries;
    private readonly List<string> _problems;

    private CategoryMeasurement(string category, OpenGallery gallery, List<Query> queries, List<string> problems)
        => (_category, _gallery, _queries, _problems) = (category, gallery, queries, problems);

    /// <param name="Mask">The truth in the map's size; null for a defect without a mask.</param>
    private sealed record Query(QueryImage Image, bool Anomalous, bool[]? Mask);

    /// <param name="engines">With the preprocessing to use.</param>
    /// <exception cref="SpadeException">InvalidArgument: no image could be used.</exception>
    public static async Task<CategoryMeasurement> PrepareAsync(InspectionDataset dataset, Engines engines, ProgressReport progress,
        CancellationToken cancellationToken)
    {
        var (store, problems, seen) = (new InMemoryGalleryStore(), new List<string>(), 0);
        var adding = new InlineProgress<AddOutcome>(outcome =>
        {
            if (outcome.Problem is not null) problems.Add(outcome.Problem);
            progress($"{dataset.Name}: normals", ++seen, dataset.Train.Count);
        });
        var manifest = await engines.Galleries(store, Environment.UserName, thumbnails: false)
            .AddAsync(dataset.Name, [.. dataset.Train.Select(Files.Source)], adding, cancellationToken: cancellationToken)
            ?? throw new SpadeException(SpadeError.InvalidArgument,
                $"none of the normals of '{dataset.Name}' could be used: {problems[0]}");
        var (extractor, preparer) = engines.Default;
        var (preprocessing, queries) = (((ImagePreparer)preparer).Preprocessing, new List<Query>());
        foreach (var (index, test) in dataset.Test.Index())
        {
            try
            {
                var file = await Files.Source(test.Path).ReadAsync(cancellationToken);
                var prepared = preparer.Prepare(file, test.Path);
                var features = await TileFeatures.ExtractAsync(extractor, prepared, cancellationToken);
                queries.Add(new Query(new QueryImage(ImageId.Of(file), features, prepared.Frame), test.Anomalous,
                    Evaluator.ReadMask(test, preprocessing, preprocessing.Width * preprocessing.Height)));
            }
            catch (SpadeException e) when (e.Error is SpadeError.InvalidArgument or SpadeError.ResourceExhausted or SpadeError.NotFound)
            {
                problems.Add(e.Message);
            }
            progress($"{dataset.Name}: test images", index + 1, dataset.Test.Count);
        }
        if (queries.Count == 0)
            throw new SpadeException(SpadeError.InvalidArgument,
                $"none of the test images of '{dataset.Name}' could be used: {problems[0]}");
        var gallery = await OpenGallery.LoadAsync(store, manifest, threads: engines.Threads, cancellationToken: cancellationToken);
        return new CategoryMeasurement(dataset.Name, gallery, queries, problems);
    }

    /// <summary>The figures with one setting, completed with what is known of the run.</summary>
    public async Task<PaperResult> MeasureAsync(PaperSetting setting, PaperResult known, ProgressReport progress,
        CancellationToken cancellationToken)
    {
        var manifest = _gallery.Manifest;
        var options = setting.OptionsFor(manifest.Images.Count);
        var (gates, scores, pixels) = (new float[_queries.Count], new float[_queries.Count], new PixelMeasures());
        foreach (var (i, query) in _queries.Index())
        {
            var result = await _gallery.Coordinator.ScoreAsync(query.Image, options, calibration: null,
                cancellationToken: cancellationToken);
            (gates[i], scores[i]) = ((float)result.GateDistance, (float)result.Score!.Value);
            if (query.Mask is not null) pixels.Add(result.Map!.Values, query.Mask, result.Map.Width);
            progress($"{_category}: {known.Model}, {setting.Name}", i + 1, _queries.Count);
        }
        bool[] truth = [.. _queries.Select(q => q.Anomalous)];
        return known with
        {
            Setting = setting.Name,
            Preprocessing = manifest.Preprocessing,
            Levels = [.. manifest.Model.Levels.Where((_, l) => options.Levels?.Contains(l) ?? true).Select(l => l.ToString())],
            GateK = options.GateNeighbours,
            GalleryK = options.GalleryNeighbours!.Value,
            Train = manifest.Images.Count,
            Test = _queries.Count,
            ImageAurocGate = Evaluator.Defined(new RankedScores(gates, truth).RocArea()),
            ImageAuroc = Evaluator.Defined(new RankedScores(scores, truth).RocArea()),
            PixelAuroc = Evaluator.Defined(pixels.Ranked.RocArea()),
            Pro30 = Evaluator.Defined(pixels.OverlapArea(PixelMeasures.ProLimit, PixelMeasures.ProSteps)),
            Problems = _problems,
        };
    }

    public void Dispose() => _gallery.Dispose();
}
