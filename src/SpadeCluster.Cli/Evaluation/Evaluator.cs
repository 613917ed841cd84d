using System.Diagnostics;
using SpadeCluster.Cli.Composition;
using SpadeCluster.Cli.Output;
using SpadeCluster.Evaluation;
using SpadeCluster.Galleries;
using SpadeCluster.Imaging;
using SpadeCluster.Neighbors;
using SpadeCluster.Scoring;

namespace SpadeCluster.Cli.Evaluation;

/// <summary>Builds a gallery from a dataset's normals, calibrates it, scores the test images and measures.</summary>
internal static class Evaluator
{
    /// <param name="store">The store for the gallery; must not contain the category.</param>
    /// <param name="asNew">What the gallery is built with, except tiles.</param>
    /// <param name="recipe">Every image is localised, so that maps can be measured; the gate policy affects verdicts only.</param>
    /// <param name="coreset">Share of the patches that PatchCore keeps.</param>
    public static async Task<EvaluatedCategory> RunAsync(InspectionDataset dataset, IGalleryStore store, Engines engines,
        NewCategory asNew, Recipe recipe, double coreset, ProgressReport progress, CancellationToken cancellationToken)
    {
        var options = recipe.Options;
        var galleries = engines.Galleries(store, Environment.UserName);
        var preprocessing = ((ImagePreparer)engines.Default.Preparer).Preprocessing;
        var problems = new List<string>();
        var clock = Stopwatch.StartNew();

        int seen = 0;
        var adding = new InlineProgress<AddOutcome>(outcome =>
        {
            if (outcome.Problem is not null) problems.Add(outcome.Problem);
            progress($"{dataset.Name}: normals", ++seen, dataset.Train.Count);
        });
        var manifest = await galleries.AddAsync(dataset.Name, [.. dataset.Train.Select(Files.Source)], adding,
            asNew: asNew, cancellationToken: cancellationToken)
            ?? throw new SpadeException(SpadeError.InvalidArgument,
                $"none of the normals of '{dataset.Name}' could be used: {problems[0]}");
        var patchCore = recipe.Name == Recipe.PatchCore
            ? await PatchCore.BuildAsync(store, engines, manifest, options, coreset, threads: engines.Threads,
                cancellationToken: cancellationToken) : null;
        double gallerySeconds = clock.Elapsed.TotalSeconds;

        clock.Restart();
        var calibrating = new InlineProgress<int>(done => progress($"{dataset.Name}: calibration", done, manifest.Images.Count));
        manifest = patchCore?.Calibrate(calibrating, cancellationToken)
            ?? await galleries.CalibrateAsync(dataset.Name, options, calibrating, cancellationToken);
        double calibrationSeconds = clock.Elapsed.TotalSeconds;

        using var spade = new ScoringService(store, engines, options with { GatePolicy = GatePolicy.Always }, threads: engines.Threads);
        IScoringService scoring = patchCore is null ? spade : patchCore;
        var images = new List<EvaluatedImage>();
        foreach (var test in dataset.Test)
        {
            try
            {
                var scored = await scoring.ScoreAsync(dataset.Name, Files.Source(test.Path), cancellationToken);
                images.Add(new EvaluatedImage(test, scored.Result,
                    ReadMask(test, preprocessing, scored.Result.Map!.Values.Length), IsAnomalous(scored.Result, options)));
            }
            catch (SpadeException e) when (e.Error is SpadeError.InvalidArgument or SpadeError.ResourceExhausted or SpadeError.NotFound)
            {
                problems.Add(e.Message);
            }
            progress($"{dataset.Name}: test", images.Count + problems.Count, dataset.Test.Count);
        }
        if (images.Count == 0)
            throw new SpadeException(SpadeError.InvalidArgument,
                $"none of the test images of '{dataset.Name}' could be used: {problems[0]}");

        var pixels = new PixelMeasures();
        foreach (var image in images)
            if (image.Mask is not null) pixels.Add(image.Result.Map!.Values, image.Mask, image.Result.Map.Width);
        var figures = Measure(dataset, manifest, options, images, pixels) with
        {
            Recipe = recipe.Name,
            GalleryBytes = patchCore?.Bytes ?? ResidentBytes(manifest),
            GallerySeconds = gallerySeconds,
            CalibrationSeconds = calibrationSeconds,
            Problems = problems,
        };
        // PatchCore has no gate and searches the patches of all normals.
        if (patchCore is not null)
            figures = figures with { ImageAurocGate = null, GalleryK = manifest.Images.Count, Coreset = coreset };
        return new EvaluatedCategory(figures, manifest.Calibration!, images, manifest.Images.ToDictionary(i => i.Id, i => i.Source),
            pixels.OverlapCurve(PixelMeasures.ProLimit));
    }

    /// <summary>Memory of a search: packed pyramids, pooled features and usual distances.</summary>
    private static long ResidentBytes(GalleryManifest manifest)
        => GalleryTiles.Of(manifest).Ids.Count * PixelIndex.MostResidentBytes(manifest.Model.Levels)
        + ImageIndex.ResidentBytes(manifest.Model.PooledLength, GalleryTiles.Of(manifest).Ids.Count)
        + (manifest.Calibration?.Usual?.Local.Length ?? 0);

    private static bool IsAnomalous(ScoreResult result, ScoringOptions options)
        => result.Anomalous == true && (options.GatePolicy == GatePolicy.Always || result.Flagged == true);

    /// <summary>The true mask in the map's size; null for a defect without one.</summary>
    public static bool[]? ReadMask(TestImage test, Preprocessing preprocessing, int pixels)
    {
        if (!test.Anomalous) return new bool[pixels];
        if (test.MaskPath is null) return null;
        var truth = ImageReader.Default.ReadFile(test.MaskPath);
        for (int i = 0; i < truth.Pixels.Length; i += 3)
        {
            var pixel = truth.Pixels.AsSpan(i, 3);
            bool defect = test.MaskBackground is { } colour ? (pixel[0] << 16 | pixel[1] << 8 | pixel[2]) != colour
                : pixel[0] > test.MaskAbove;
            pixel.Fill((byte)(defect ? 255 : 0));
        }
        bool[] mask = preprocessing.ApplyToMask(truth);
        return mask.Length == pixels ? mask : throw new SpadeException(SpadeError.InvalidArgument,
            $"{test.MaskPath}: the mask has other proportions than its photograph; give both the same size");
    }

    private static CategoryEvaluation Measure(InspectionDataset dataset, GalleryManifest manifest, ScoringOptions options,
        List<EvaluatedImage> images, PixelMeasures pixels)
    {
        bool[] truth = [.. images.Select(i => i.Test.Anomalous)];
        var gate = new RankedScores([.. images.Select(i => (float)i.Result.GateDistance)], truth);
        var max = new RankedScores([.. images.Select(i => (float)i.Result.Map!.Max)], truth);
        var top = new RankedScores([.. images.Select(i => (float)i.Score)], truth);
        var (good, defective) = (images.Where(i => !i.Test.Anomalous).ToList(), images.Where(i => i.Test.Anomalous).ToList());
        var calibration = manifest.Calibration!;
        var sources = manifest.Images.ToDictionary(i => i.Id, i => i.Source);
        return new CategoryEvaluation
        {
            Recipe = "",
            Dataset = dataset.Name,
            Model = manifest.Model.Name,
            Preprocessing = manifest.Preprocessing,
            Fusion = options.Fusion.ToString(),
            GateK = options.GateNeighbours,
            GalleryK = Math.Min(options.GalleryNeighbours ?? ScoringOptions.DefaultGalleryNeighbours, manifest.Images.Count),
            Kappa = options.Kappa,
            GatePolicy = options.GatePolicy.ToString(),
            Train = manifest.Images.Count,
            Test = images.Count,
            ImageAurocGate = Defined(gate.RocArea()),
            ImageAurocMapMax = Defined(max.RocArea()),
            ImageAurocMapTop1 = Defined(top.RocArea()),
            ImageAupr = Defined(top.AveragePrecision()),
            ImageBestF1 = defective.Count == 0 ? null : top.BestF1().F1,
            PixelAuroc = Defined(pixels.Ranked.RocArea()),
            PixelBestF1 = pixels.Ranked is { Positives: > 0 } ranked ? ranked.BestF1().F1 : null,
            SegF1 = Defined(pixels.F1Above(calibration.Theta)),
            Pro30 = Defined(pixels.OverlapArea(PixelMeasures.ProLimit, PixelMeasures.ProSteps)),
            Pro05 = Defined(pixels.OverlapArea(0.05)),
            Aupimo = Defined(pixels.PerImageOverlapArea()),
            FalseRejectRate = good.Count == 0 ? null : good.Average(i => i.PredictedAnomalous ? 1.0 : 0),
            MissRate = defective.Count == 0 ? null : defective.Average(i => i.PredictedAnomalous ? 0.0 : 1),
            MeanErrorRate = good.Count == 0 || defective.Count == 0 ? null
                : 0.5 * (good.Average(i => i.PredictedAnomalous ? 1.0 : 0) + defective.Average(i => i.PredictedAnomalous ? 0.0 : 1)),
            BestMeanErrorRate = Defined(top.BestMeanError()),
            ReviewedGoodRate = good.Count == 0 ? null : good.Average(i => i.Result.Verdict == Verdict.Good ? 0.0 : 1),
            PassedDefectRate = defective.Count == 0 ? null : defective.Average(i => i.Result.Verdict == Verdict.Good ? 1.0 : 0),
            Tau = calibration.Tau,
            Theta = calibration.Theta,
            Alpha = options.Alpha,
            PromisedFalseRejectRate = calibration.Rate,
            SecondsPerImage = Seconds(images),
            Problems = [],
            Images = [.. images.Select(i => new ImageEvaluation(
                Path.GetRelativePath(dataset.Root, i.Test.Path), i.Test.Kind, i.Test.Anomalous, i.Result.GateDistance, i.Result.Map!.Max,
                i.Score,
                i.Result.NormalisedScore!.Value, i.PredictedAnomalous,
                i.Result.Neighbours is [var nearest, ..] ? Path.GetRelativePath(dataset.Root, sources[nearest.Id]) : null))],
        };
    }

    private static StageSeconds Seconds(List<EvaluatedImage> images)
    {
        double Mean(Func<StageTimes, double> stage) => images.Average(i => stage(i.Result.Times)) / 1000;
        return new StageSeconds(Mean(t => t.Prepare), Mean(t => t.Extract), Mean(t => t.Retrieve), Mean(t => t.Match), Mean(t => t.Map),
            Mean(t => t.Total));
    }

    public static double? Defined(double value) => double.IsNaN(value) ? null : value;
}
