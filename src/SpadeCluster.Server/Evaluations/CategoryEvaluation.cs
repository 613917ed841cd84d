using System.Runtime.CompilerServices;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using SpadeCluster.Evaluation;
using SpadeCluster.Galleries;
using SpadeCluster.Imaging;
using SpadeCluster.Scoring;
using SpadeCluster.Server.TestSets;

namespace SpadeCluster.Server.Evaluations;

/// <summary>Scores a labelled test set with the version of a category that decides, in the background, and measures. It changes
/// nothing.</summary>
internal sealed class CategoryEvaluation(BackgroundScoring scoring, TimeProvider clock, IHostApplicationLifetime life,
    ILogger<CategoryEvaluation> logger)
{
    /// <summary>Last bits of the scores of pixels that are left out: a server's memory is worth more than the sixth digit.</summary>
    private const int DroppedBits = 8;

    private readonly CategoryRuns<EvaluationResult> _runs = new((result, problem) => result with { Problem = problem }, life, logger);

    /// <summary>The category's last evaluation, which may still run; null: there was none.</summary>
    public EvaluationResult? Find(string category) => _runs.Find(category);

    /// <summary>The running evaluation's task, to wait for; completed: none runs.</summary>
    internal Task EndAsync(string category) => _runs.EndAsync(category);

    /// <summary>Starts an evaluation; one that runs in this category is stopped. The set is kept in memory until the end.</summary>
    /// <exception cref="SpadeException">NotFound: no such category. FailedPrecondition: it has no thresholds.</exception>
    public async Task<EvaluationResult> StartAsync(string category, IReadOnlyList<TestPhotograph> set, CancellationToken cancellationToken)
    {
        var version = await scoring.VersionAsync(category, null, cancellationToken);
        var begin = new EvaluationResult(category, version.Version, version.Model.Name, clock.GetUtcNow(), version.Calibration!.Theta, 0,
            set.Count, 0, [], [], [], [], []);
        await _runs.StartAsync(category, begin, stop => EvaluateAsync(begin, version, set, stop));
        return begin;
    }

    private async IAsyncEnumerable<EvaluationResult> EvaluateAsync(EvaluationResult result, GalleryManifest version,
        IReadOnlyList<TestPhotograph> set, [EnumeratorCancellation] CancellationToken stop)
    {
        var normals = version.Images.Select(i => i.Id).ToHashSet();
        var (pixels, masks) = (new PixelMeasures(DroppedBits), set.Count(t => t.Mask is not null));
        foreach (var photograph in set)
        {
            result = await AddAsync(result, version, photograph, normals, masks > 0 ? pixels : null, stop);
            yield return result;
        }
        var images = new RankedScores([.. result.GoodScores.Concat(result.DefectScores).Select(s => (float)s)],
            [.. result.GoodScores.Select(_ => false), .. result.DefectScores.Select(_ => true)]);
        yield return result with
        {
            Figures = new EvaluationFigures(Defined(images.RocArea()), Defined(pixels.Ranked.RocArea()),
                Defined(pixels.OverlapArea(PixelMeasures.ProLimit)), masks),
        };
    }

    private async Task<EvaluationResult> AddAsync(EvaluationResult result, GalleryManifest version, TestPhotograph photograph,
        HashSet<ImageId> normals, PixelMeasures? pixels, CancellationToken stop)
    {
        var source = new ImageSource(photograph.Name, photograph.File);
        if (normals.Contains(ImageId.Of(photograph.File))) return result with { Done = result.Done + 1, Normals = result.Normals + 1 };
        try
        {
            var scored = await scoring.ScoreAsync(version, source, stop);
            if (scored.Result.Map is { } map && pixels is not null && MaskOf(photograph, version, map) is { } mask)
                pixels.Add(map.Values, mask, map.Width);
            var part = new EvaluatedPart(photograph.Name, photograph.Kind, BackgroundScoring.Word(scored),
                scored.Result.NormalisedScore!.Value);
            // Without a map, the gate has let it pass: no score is lower.
            return result.With(part with { Picture = part.Mistaken ? BackgroundScoring.Draw(scored) : [] }, scored.Result.Score ?? 0);
        }
        catch (SpadeException e) when (e.Error is SpadeError.InvalidArgument or SpadeError.ResourceExhausted)
        {
            return result with { Done = result.Done + 1, Problems = [.. result.Problems, e.Message] };
        }
    }

    /// <summary>The true defect in the map's pixels; null: it is not known where the defect is.</summary>
    private static bool[]? MaskOf(TestPhotograph photograph, GalleryManifest version, AnomalyMap map)
    {
        if (photograph.Good) return new bool[map.Values.Length];
        if (photograph.Mask is not { } file) return null;
        var truth = ImageReader.Default.Decode(file, $"mask of {photograph.Name}");
        bool[] mask = Preprocessing.Parse(version.Preprocessing).ApplyToMask(truth);
        return mask.Length == map.Values.Length ? mask : throw new SpadeException(SpadeError.InvalidArgument,
            $"{photograph.Name}: its mask has other proportions; give both the same size");
    }

    private static double? Defined(double value) => double.IsNaN(value) ? null : value;
}
