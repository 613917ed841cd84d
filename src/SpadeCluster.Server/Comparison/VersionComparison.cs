using System.Runtime.CompilerServices;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using SpadeCluster.Galleries;
using SpadeCluster.Server.Decisions;
using SpadeCluster.Server.TestSets;

namespace SpadeCluster.Server.Comparison;

/// <summary>The version to compare: of a category, by its number; null: the one that decides.</summary>
internal readonly record struct ComparedVersion(string Category, int? Version);

/// <summary>
/// Scores photographs with two versions, of a category or of two, in the background: those that are kept of the first category's newest
/// decisions, or a test set that a person sends. It decides nothing and changes nothing.
/// </summary>
internal sealed class VersionComparison(BackgroundScoring scoring, DecisionLog log, IHostApplicationLifetime life,
    ILogger<VersionComparison> logger)
{
    public const int DefaultPhotographs = 200, MaxPhotographs = 2000;

    /// <summary>Photographs with another verdict that are kept with their pictures, which bounds the memory of a result.</summary>
    public const int MaxChanged = 48;

    private readonly CategoryRuns<ComparisonResult> _runs = new((result, problem) => result with { Problem = problem }, life, logger);

    /// <summary>The last comparison that was started for a category, which may still run; null: there was none.</summary>
    public ComparisonResult? Find(string category) => _runs.Find(category);

    /// <summary>The running comparison's task, to wait for; completed: none runs.</summary>
    internal Task EndAsync(string category) => _runs.EndAsync(category);

    /// <summary>Starts a comparison over the newest decisions of A's category with a kept photograph. One that runs there is
    /// stopped.</summary>
    /// <param name="count">1 to 2000.</param>
    /// <exception cref="SpadeException">InvalidArgument: the same version twice, or too many photographs. NotFound: no such category or
    /// version. FailedPrecondition: a version has no thresholds, or no photograph is kept.</exception>
    public Task<ComparisonResult> StartAsync(ComparedVersion a, ComparedVersion b, int count, CancellationToken cancellationToken)
        => count is < 1 or > MaxPhotographs ? throw new SpadeException(SpadeError.InvalidArgument, $"count is 1 to {MaxPhotographs}")
            : StartAsync(a, b, false, () => [.. Newest(a.Category, count).Select(d =>
                new ComparedPhotograph(d.Score.File, d.Id, d.SerialNumber, d.Feedback, () => log.Image(d.Id)))], cancellationToken);

    /// <summary>The same over a test set, which is kept in memory until the end.</summary>
    public Task<ComparisonResult> StartAsync(ComparedVersion a, ComparedVersion b, IReadOnlyList<TestPhotograph> set,
        CancellationToken cancellationToken)
        => StartAsync(a, b, true, () => [.. set.Select(t => new ComparedPhotograph(t.Name, null, null,
            t.Good ? FeedbackKind.Good : FeedbackKind.Defect, () => t.File))], cancellationToken);

    private async Task<ComparisonResult> StartAsync(ComparedVersion a, ComparedVersion b, bool sent,
        Func<IReadOnlyList<ComparedPhotograph>> read, CancellationToken cancellationToken)
    {
        var (first, second) = (await scoring.VersionAsync(a.Category, a.Version, cancellationToken),
            await scoring.VersionAsync(b.Category, b.Version, cancellationToken));
        if ((first.Category, first.Version) == (second.Category, second.Version))
            throw new SpadeException(SpadeError.InvalidArgument,
                $"a and b are both version {first.Version}: name two versions, or another category");
        var photographs = read();
        if (photographs.Count == 0)
            throw new SpadeException(SpadeError.FailedPrecondition,
                $"no photograph of a decision in '{a.Category}' is kept: there is nothing to compare with");
        var begin = ComparisonResult.Begin(first, second, sent, photographs.Count);
        await _runs.StartAsync(a.Category, begin, stop => CompareAsync(begin, first, second, photographs, stop));
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

    private async IAsyncEnumerable<ComparisonResult> CompareAsync(ComparisonResult result, GalleryManifest a, GalleryManifest b,
        IReadOnlyList<ComparedPhotograph> photographs, [EnumeratorCancellation] CancellationToken stop)
    {
        var normals = a.Images.Concat(b.Images).Select(i => i.Id).ToHashSet();
        foreach (var photograph in photographs) yield return result = await CompareAsync(result, a, b, photograph, normals, stop);
    }

    private async Task<ComparisonResult> CompareAsync(ComparisonResult result, GalleryManifest first, GalleryManifest second,
        ComparedPhotograph photograph, HashSet<ImageId> normals, CancellationToken stop)
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
            var a = await scoring.ScoreAsync(first, source, stop);
            var b = await scoring.ScoreAsync(second, source, stop);
            var (wordA, wordB) = (BackgroundScoring.Word(a), BackgroundScoring.Word(b));
            return result.With(new ChangedPart(photograph.Name, photograph.Decision, photograph.SerialNumber, photograph.Known,
                wordA, wordB, a.Result.NormalisedScore!.Value, b.Result.NormalisedScore!.Value)
            {
                PictureA = wordA == wordB ? [] : BackgroundScoring.Draw(a),
                PictureB = wordA == wordB ? [] : BackgroundScoring.Draw(b),
            });
        }
        catch (SpadeException e) when (e.Error == SpadeError.InvalidArgument)
        {
            // Not an image, or not of a form that a version takes.
            return result with { Done = result.Done + 1, Failed = result.Failed + 1 };
        }
    }
}
