using SpadeCluster.Galleries;
using SpadeCluster.Imaging;
using SpadeCluster.Server.Decisions;
using SpadeCluster.Server.Notices;

namespace SpadeCluster.Server.Reports;

/// <summary>Makes shift reports from the decision log and the galleries.</summary>
public sealed class ShiftReporter(DecisionLog log, DecisionStatistics statistics, FactReader facts, NoticeService notices,
    IGalleryServices services)
{
    /// <summary>Categories of a report.</summary>
    public const int MaxCategories = 12;

    /// <summary>Decisions of each list of a report.</summary>
    public const int MaxParts = 24;

    /// <summary>The newest defects of a category whose maps are summed, which bounds the time of a report.</summary>
    public const int MaxMaps = 200;

    private const int WorstParts = 12;

    /// <summary>One report at a time, because reading its maps takes a processor for seconds.</summary>
    private readonly SemaphoreSlim _one = new(1);

    /// <param name="filter">Category, line, shift and time. Without a beginning the report is about 24 hours, without an end these end with
    /// the newest decision, at the full hour.</param>
    /// <exception cref="SpadeException">InvalidArgument: the end is not after the beginning.</exception>
    public async Task<ShiftReport> MakeAsync(DecisionFilter filter, CancellationToken cancellationToken = default)
    {
        await _one.WaitAsync(cancellationToken);
        try
        {
            var counts = statistics.Count(filter);
            var before = statistics.Before(filter, counts);
            filter = filter with { Since = counts.Since, Until = counts.Until };
            var categories = new List<CategoryReport>();
            foreach (var counted in statistics.ByCategory(filter).Take(MaxCategories))
                categories.Add(await CategoryAsync(filter with { Category = counted.Name }, counted, cancellationToken));
            var alarms = new[] { "review", "defect" }.SelectMany(v => Reported(filter, v, FeedbackKind.Good))
                .OrderByDescending(d => d.Id).Take(MaxParts);
            return new ShiftReport(filter.Category, filter.Line, filter.Shift, counts.Since, counts.Until, counts, before,
                statistics.ByLine(filter), categories, log.Worst(filter with { Limit = WorstParts }),
                Reported(filter, "good", FeedbackKind.Defect), [.. alarms]);
        }
        finally
        {
            _one.Release();
        }
    }

    private IReadOnlyList<Decision> Reported(DecisionFilter filter, string verdict, FeedbackKind kind)
        => log.Find(filter with { Verdict = verdict, Feedback = kind, Limit = MaxParts });

    private async Task<CategoryReport> CategoryAsync(DecisionFilter filter, CountedName counted, CancellationToken cancellationToken)
    {
        var defects = log.Find(filter with { Verdict = "defect", Limit = MaxMaps });
        // A part that a person reported as good has no defect.
        var map = DefectMap.Sum(Maps(defects.Where(d => d.Feedback != FeedbackKind.Good), cancellationToken), counted.Counts.Defect);
        var report = new CategoryReport(counted.Name, counted.Counts, map, null, await notices.LookAsync(counted.Name, cancellationToken));
        try
        {
            var galleries = services.For("server");
            var scoring = await galleries.FindScoringVersionAsync(counted.Name, cancellationToken);
            return report with
            {
                Drift = scoring?.Calibration is { } c ? ScoreDrift.Of(c, facts.Passed(filter, scoring, ScoreDrift.MaxParts)) : null,
                Picture = map?.Draw(await NormalAsync(galleries, counted.Name, cancellationToken)),
            };
        }
        catch (SpadeException e) when (e.Error == SpadeError.NotFound)
        {
            // The category's gallery was deleted or is elsewhere; the decisions are still counted.
            return report with { Picture = map?.Draw(null) };
        }
    }

    private IEnumerable<(KeptMap, double)> Maps(IEnumerable<Decision> defects, CancellationToken cancellationToken)
    {
        foreach (var decision in defects)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (!decision.Pictures || decision.Score is not { Localised: true, Theta: { } theta }) continue;
            KeptMap map;
            try
            {
                map = log.Map(decision.Id);
            }
            catch (SpadeException e) when (e.Error == SpadeError.NotFound)
            {
                // Dropped since the list was read.
                continue;
            }
            yield return (map, theta);
        }
    }

    /// <summary>The picture of a normal; null: none is kept.</summary>
    private static async Task<Features.RgbImage?> NormalAsync(IGalleryService galleries, string category,
        CancellationToken cancellationToken)
        => (await galleries.GetAsync(category, cancellationToken)).Images is [var first, ..]
            && await galleries.GetThumbnailAsync(category, first.Id, cancellationToken: cancellationToken) is { } picture
            ? ImageReader.Default.Decode(picture, first.Source) : null;
}
