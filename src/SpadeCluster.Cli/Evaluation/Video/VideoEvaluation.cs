using System.Diagnostics;
using SpadeCluster.Cli.Composition;
using SpadeCluster.Cli.Output;
using SpadeCluster.Evaluation;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Imaging;
using SpadeCluster.Scoring;
using SpadeCluster.Storage.Files;

namespace SpadeCluster.Cli.Evaluation.Video;

/// <summary>The figures of a set of clips. Null if a figure is undefined.</summary>
/// <param name="FrameAurocGate">Area under the ROC curve of frames by the gate's distance: the paper's frame-level figure.</param>
/// <param name="FrameAuroc">The same by the score of the map.</param>
/// <param name="PixelAuroc">Area under the ROC curve of the pixels of all frames that have masks.</param>
internal sealed record VideoEvaluation(string Dataset, string Recipe, string Model, string Preprocessing, int Every, int Train, int Clips,
    int Frames, int AnomalousFrames, double? FrameAurocGate, double? FrameAuroc, double? PixelAuroc, double Seconds)
{
    /// <summary>Builds a gallery of the training frames on disk and scores the test frames one by one; only scores are kept.</summary>
    /// <param name="folder">An existing folder for the gallery, which is deleted afterwards.</param>
    public static async Task<VideoEvaluation> RunAsync(VideoDataset dataset, int every, string folder, Engines engines,
        NewCategory asNew, Recipe recipe, ProgressReport progress, CancellationToken cancellationToken)
    {
        var clock = Stopwatch.StartNew();
        string galleryFolder = Path.Combine(folder, $"gallery-{Guid.NewGuid():n}");
        try
        {
            var store = new FileGalleryStore(galleryFolder);
            var galleries = engines.Galleries(store, Environment.UserName, thumbnails: false);
            int added = 0;
            var adding = new InlineProgress<AddOutcome>(outcome =>
            {
                if (outcome.Problem is not null) throw new SpadeException(SpadeError.InvalidArgument, outcome.Problem);
                progress("training frames", ++added, dataset.Train.Count);
            });
            var manifest = (await galleries.AddAsync(dataset.Name, [.. dataset.Train.Select(Files.Source)], adding,
                asNew: asNew, cancellationToken: cancellationToken))!;
            var options = recipe.FittedTo(manifest.Images.Count).Options with { GatePolicy = GatePolicy.Always };
            if (options.Normalised)
            {
                var calibrating = new InlineProgress<int>(done => progress("calibration", done, manifest.Images.Count));
                await galleries.CalibrateAsync(dataset.Name, options, calibrating, cancellationToken);
            }
            using var scoring = new ScoringService(store, engines, options, threads: engines.Threads);
            var figures = await MeasureAsync(dataset, scoring, ((ImagePreparer)engines.Default.Preparer).Preprocessing, progress,
                cancellationToken);
            return figures with
            {
                Recipe = recipe.Name,
                Model = manifest.Model.Name,
                Every = every,
                Train = manifest.Images.Count,
                Seconds = clock.Elapsed.TotalSeconds,
            };
        }
        finally
        {
            if (Directory.Exists(galleryFolder)) Directory.Delete(galleryFolder, recursive: true);
        }
    }

    /// <summary>Scores the frames of one clip after another and measures.</summary>
    public static async Task<VideoEvaluation> MeasureAsync(VideoDataset dataset, IScoringService scoring, Preprocessing preprocessing,
        ProgressReport progress, CancellationToken cancellationToken)
    {
        var (gates, scores, truth, pixels) = (new List<float>(), new List<float>(), new List<bool>(), new PixelCounts());
        int frames = dataset.Clips.Sum(c => c.Frames.Count);
        foreach (var clip in dataset.Clips)
        {
            truth.AddRange(clip.ReadFrameMask());
            var masks = clip.ReadPixelMasks();
            for (int f = 0; f < clip.Frames.Count; f++)
            {
                var result = (await scoring.ScoreAsync(dataset.Name, Files.Source(clip.Frames[f]), cancellationToken)).Result;
                gates.Add((float)result.GateDistance);
                scores.Add((float)result.Score!.Value);
                if (masks is not null) pixels.Add(result.Map!.Values, Reduce(masks, f, clip, preprocessing, result.Map.Values.Length));
                progress("test frames", scores.Count, frames);
            }
        }
        bool[] anomalous = [.. truth];
        double? Area(List<float> values) => Evaluator.Defined(new RankedScores([.. values], anomalous).RocArea());
        return new VideoEvaluation(dataset.Name, "", "", preprocessing.ToString(), 1, dataset.Train.Count, dataset.Clips.Count, frames,
            anomalous.Count(a => a), Area(gates), Area(scores), Evaluator.Defined(pixels.Ranked().RocArea()), 0);
    }

    /// <summary>A frame's mask in the map's size.</summary>
    private static bool[] Reduce(PixelMasks masks, int frame, VideoClip clip, Preprocessing preprocessing, int pixels)
    {
        var picture = new RgbImage(masks.Width, masks.Height);
        var values = masks.Of(frame);
        for (int i = 0; i < values.Length; i++) picture.Pixels.AsSpan(3 * i, 3).Fill((byte)(values[i] == 0 ? 0 : 255));
        bool[] mask = preprocessing.ApplyToMask(picture);
        return mask.Length == pixels ? mask : throw new SpadeException(SpadeError.InvalidArgument,
            $"{clip.PixelMask}: the masks have other proportions than the frames");
    }
}
