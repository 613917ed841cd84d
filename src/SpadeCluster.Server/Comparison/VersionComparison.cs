using System.Collections.Concurrent;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using SpadeCluster.Galleries;
using SpadeCluster.Imaging;
using SpadeCluster.Scoring;
using SpadeCluster.Server.Admission;
using SpadeCluster.Server.Decisions;
using SpadeCluster.Server.Scoring;

namespace SpadeCluster.Server.Comparison;

/// <summary>
/// Scores photographs with two versions of a category, in the background and only while no other photograph needs the slot: those that are
/// kept of its newest decisions, or a test set that a person sends. It decides nothing and changes nothing. The last result of each
/// category stays in memory until the server stops.
/// </summary>
public sealed partial class VersionComparison(IGalleryServices services, IVersionScoring scoring, ScoringSlots slots, DecisionLog log,
    IHostApplicationLifetime life, ILogger<VersionComparison> logger)
{
    public const int DefaultPhotographs = 200, MaxPhotographs = 2000;

    /// <summary>Photographs with another verdict that are kept with their pictures, which bounds the memory of a result.</summary>
    public const int MaxChanged = 48;

    /// <summary>Bytes of a picture, and pixels of its longer side.</summary>
    private const int PictureBytes = 30_000, PictureSide = 320;

    private readonly ConcurrentDictionary<string, ComparisonResult> _results = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, Run> _runs = new(StringComparer.Ordinal);

    /// <summary>The last comparison, which may still run; null: there was none.</summary>
    public ComparisonResult? Find(string category) => _results.GetValueOrDefault(category);

    /// <summary>The running comparison's task, to wait for; completed: none runs.</summary>
    internal Task EndAsync(string category) => _runs.TryGetValue(category, out var run) ? run.Work : Task.CompletedTask;

    /// <summary>Starts a comparison over the newest decisions with a kept photograph. One that runs in this category is stopped.</summary>
    /// <param name="count">1 to 2000.</param>
    /// <exception cref="SpadeException">InvalidArgument: the same version twice, or too many photographs. NotFound: no such category or
    /// version. FailedPrecondition: a version has no thresholds, or no photograph is kept.</exception>
    public Task<ComparisonResult> StartAsync(string category, int a, int b, int count, CancellationToken cancellationToken)
        => count is < 1 or > MaxPhotographs ? throw new SpadeException(SpadeError.InvalidArgument, $"count is 1 to {MaxPhotographs}")
            : StartAsync(category, a, b, false, () => [.. Newest(category, count).Select(d =>
                new ComparedPhotograph(d.Score.File, d.Id, d.SerialNumber, d.Feedback, () => log.Image(d.Id)))], cancellationToken);

    /// <summary>The same over a test set, which is kept in memory until the end.</summary>
    internal Task<ComparisonResult> StartAsync(string category, int a, int b, IReadOnlyList<SentImage> images,
        CancellationToken cancellationToken)
        => StartAsync(category, a, b, true, () => [.. images.Select(i => new ComparedPhotograph(i.Name, null, null, i.Field switch
        {
            "good" => FeedbackKind.Good,
            "defect" => FeedbackKind.Defect,
            _ => throw new SpadeException(SpadeError.InvalidArgument,
                $"'{i.Name}' is sent as '{i.Field}': send good parts as 'good' and defects as 'defect', such as -F good=@a.png"),
        }, () => i.File))], cancellationToken);

    private async Task<ComparisonResult> StartAsync(string category, int a, int b, bool sent, Func<IReadOnlyList<ComparedPhotograph>> read,
        CancellationToken cancellationToken)
    {
        if (a == b) throw new SpadeException(SpadeError.InvalidArgument, $"a and b are both version {a}: name two versions");
        var galleries = services.For("server");
        var versions = new[] { await galleries.GetVersionAsync(category, a, cancellationToken),
            await galleries.GetVersionAsync(category, b, cancellationToken) };
        foreach (var version in versions.Where(v => v.Calibration is null))
            throw new SpadeException(SpadeError.FailedPrecondition,
                $"version {version.Version} of '{category}' has no thresholds, and so no verdicts: choose one that has");
        var photographs = read();
        if (photographs.Count == 0)
            throw new SpadeException(SpadeError.FailedPrecondition,
                $"no photograph of a decision in '{category}' is kept: there is nothing to compare with");
        var normals = versions.SelectMany(v => v.Images).Select(i => i.Id).ToHashSet();
        var begin = ComparisonResult.Begin(category, a, b, sent, photographs.Count);
        var run = new Run(CancellationTokenSource.CreateLinkedTokenSource(life.ApplicationStopping));
        Run? before = null;
        _runs.AddOrUpdate(category, run, (_, other) =>
        {
            before = other;
            return run;
        });
        if (before is not null) await before.Stop.CancelAsync();
        _results[category] = begin;
        run.Start(() => RunAsync(begin, photographs, normals, run));
        return begin;
    }

    /// <summary>The newest decisions with a kept photograph.</summary>
    private List<Decision> Newest(string category, int count)
    {
        var found = new List<Decision>();
        var filter = new DecisionFilter(category, Limit: DecisionFilter.MaxLimit);
        while (found.Count < count && log.Find(filter) is { Count: > 0 } page)
        {
            found.AddRange(page.Where(d => d.Pictures).Take(count - found.Count));
            // Retention drops the oldest pictures first.
            if (!page[^1].Pictures) break;
            filter = filter with { Before = page[^1].Id };
        }
        return found;
    }

    private async Task RunAsync(ComparisonResult result, IReadOnlyList<ComparedPhotograph> photographs, HashSet<ImageId> normals, Run run)
    {
        try
        {
            foreach (var photograph in photographs)
            {
                result = await CompareAsync(result, photograph, normals, run.Stop.Token);
                Show(result, run);
            }
        }
        catch (OperationCanceledException) when (run.Stop.IsCancellationRequested)
        {
            // Another comparison took its place, or the server stops.
        }
        catch (Exception e)
        {
            LogFailed(e, result.Category);
            Show(result with { Problem = e is SpadeException ? e.Message : "an unexpected error; the server's log has it" }, run);
        }
    }

    private async Task<ComparisonResult> CompareAsync(ComparisonResult result, ComparedPhotograph photograph, HashSet<ImageId> normals,
        CancellationToken stop)
    {
        ImageSource source;
        try
        {
            source = new ImageSource(photograph.Name, photograph.Read());
        }
        catch (SpadeException e) when (e.Error == SpadeError.NotFound)
        {
            // Retention dropped it meanwhile.
            return result with { Done = result.Done + 1, Failed = result.Failed + 1 };
        }
        if (normals.Contains(ImageId.Of(await source.ReadAsync(stop))))
            return result with { Done = result.Done + 1, Normals = result.Normals + 1 };
        try
        {
            var a = await ScoreAsync(result.Category, result.A, source, stop);
            var b = await ScoreAsync(result.Category, result.B, source, stop);
            bool same = Word(a) == Word(b);
            return result.With(new ChangedPart(photograph.Name, photograph.Decision, photograph.SerialNumber, photograph.Known, Word(a),
                Word(b), a.Result.NormalisedScore!.Value, b.Result.NormalisedScore!.Value)
            {
                PictureA = same ? [] : Draw(a),
                PictureB = same ? [] : Draw(b),
            });
        }
        catch (SpadeException e) when (e.Error == SpadeError.InvalidArgument)
        {
            // Not an image, or not of a form that a version takes.
            return result with { Done = result.Done + 1, Failed = result.Failed + 1 };
        }
    }

    /// <summary>Scores when no other photograph needs the slot, and again if one took it.</summary>
    private async Task<ScoredImage> ScoreAsync(string category, int version, ImageSource photograph, CancellationToken stop)
    {
        while (true)
        {
            try
            {
                return await slots.RunYieldingAsync(ct => scoring.ScoreAsync(category, version, photograph, ct), stop);
            }
            catch (OperationCanceledException) when (!stop.IsCancellationRequested)
            {
                // A photograph of a line had to be scored first.
            }
        }
    }

    private static string Word(ScoredImage scored) => scored.Result.Verdict!.Value.ToString().ToLowerInvariant();

    private static byte[] Draw(ScoredImage scored)
    {
        var picture = scored.Prepared.Input;
        if (scored.Result is { Map: { } map, Calibration: { } c })
            picture = Overlay.Blend(picture, [.. map.Values.Select(v => (float)(v / (2 * c.Theta)))], ColorMap.Inferno);
        return Thumbnail.Encode(picture, PictureBytes, PictureSide) ?? [];
    }

    private void Show(ComparisonResult result, Run run)
    {
        // A comparison that was replaced must not cover the new one.
        if (_runs.GetValueOrDefault(result.Category) == run) _results[result.Category] = result;
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "the comparison of versions of category {Category} failed")]
    private partial void LogFailed(Exception exception, string category);

    private sealed class Run(CancellationTokenSource stop)
    {
        public CancellationTokenSource Stop => stop;
        public Task Work { get; private set; } = Task.CompletedTask;

        public void Start(Func<Task> work) => Work = Task.Run(work);
    }
}
