using SpadeCluster.Cli.Composition;
using SpadeCluster.Cli.Output;
using SpadeCluster.Evaluation;
using SpadeCluster.Galleries;
using SpadeCluster.Imaging;
using SpadeCluster.Scoring;

namespace SpadeCluster.Cli.Evaluation;

/// <summary>Evaluates a category with few normals, drawn at random several times.</summary>
internal static class FewShots
{
    /// <param name="shots">Numbers of normals; those above the category's number are left out.</param>
    /// <param name="seeds">Number of draws.</param>
    public static async Task<ShotCurve> RunAsync(InspectionDataset dataset, Engines engines, NewCategory asNew, Recipe recipe,
        IReadOnlyList<int> shots, int seeds, ProgressReport progress, CancellationToken cancellationToken)
    {
        int[] counts = [.. shots.Where(n => n <= dataset.Train.Count)];
        if (counts.Length == 0)
            throw new SpadeException(SpadeError.InvalidArgument,
                $"'{dataset.Name}' has {dataset.Train.Count} normals, fewer than any number of --shots: choose smaller ones");
        var (draws, problems) = (new List<ShotDraw>(), new SortedSet<string>(StringComparer.Ordinal));
        for (int seed = 0; seed < seeds; seed++)
        {
            string[] order = [.. dataset.Train];
            new Random(seed).Shuffle(order);
            foreach (int count in counts)
            {
                progress($"{dataset.Name}: draws", draws.Count, seeds * counts.Length);
                draws.Add(await DrawAsync(dataset with { Train = order[..count] }, engines, asNew, recipe, seed, problems, progress,
                    cancellationToken));
            }
        }
        var engine = engines.Default;
        return new ShotCurve(dataset.Name, recipe.Name, engine.Extractor.Model.Name, engine.Preparer.Description,
            ShotCurve.PointsOf(draws), draws, [.. problems]);
    }

    private static async Task<ShotDraw> DrawAsync(InspectionDataset dataset, Engines engines, NewCategory asNew, Recipe recipe, int seed,
        SortedSet<string> problems, ProgressReport progress, CancellationToken cancellationToken)
    {
        int count = dataset.Train.Count;
        var options = recipe.Options with
        {
            GateNeighbours = Math.Min(recipe.Options.GateNeighbours, count),
            GatePolicy = GatePolicy.Always,
        };
        var store = new InMemoryGalleryStore();
        var galleries = engines.Galleries(store, Environment.UserName, thumbnails: false);
        var adding = new InlineProgress<AddOutcome>(outcome =>
        {
            if (outcome.Problem is not null) problems.Add(outcome.Problem);
        });
        var manifest = await galleries.AddAsync(dataset.Name, [.. dataset.Train.Select(Files.Source)], adding,
            asNew: asNew, cancellationToken: cancellationToken)
            ?? throw new SpadeException(SpadeError.InvalidArgument, $"none of the normals drawn with seed {seed} could be used");
        // A single normal cannot be compared with others, so its distances stay plain.
        if (manifest.Images.Count > 1)
            await galleries.CalibrateAsync(dataset.Name, options, cancellationToken: cancellationToken);

        using var scoring = new ScoringService(store, engines, options, threads: engines.Threads);
        var preprocessing = ((ImagePreparer)engines.Default.Preparer).Preprocessing;
        var (scores, truth, pixels) = (new List<float>(), new List<bool>(), new PixelMeasures());
        foreach (var (index, test) in dataset.Test.Index())
        {
            progress($"{dataset.Name}: {count} shots, seed {seed}", index + 1, dataset.Test.Count);
            try
            {
                var result = (await scoring.ScoreAsync(dataset.Name, Files.Source(test.Path), cancellationToken)).Result;
                if (Evaluator.ReadMask(test, preprocessing, result.Map!.Values.Length) is { } mask)
                    pixels.Add(result.Map!.Values, mask, result.Map.Width);
                scores.Add((float)result.Score!.Value);
                truth.Add(test.Anomalous);
            }
            catch (SpadeException e) when (e.Error is SpadeError.InvalidArgument or SpadeError.ResourceExhausted or SpadeError.NotFound)
            {
                problems.Add(e.Message);
            }
        }
        var ranked = new RankedScores([.. scores], [.. truth]);
        return new ShotDraw(count, seed, Evaluator.Defined(ranked.RocArea()), Evaluator.Defined(ranked.AveragePrecision()),
            Evaluator.Defined(pixels.Ranked.RocArea()),
            Evaluator.Defined(pixels.OverlapArea(PixelMeasures.ProLimit, PixelMeasures.ProSteps)),
            Evaluator.Defined(pixels.PerImageOverlapArea()));
    }
}
