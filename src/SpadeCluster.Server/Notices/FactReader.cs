using SpadeCluster.Galleries;
using SpadeCluster.Scoring;
using SpadeCluster.Server.Decisions;
using SpadeCluster.Server.Deliveries;
using SpadeCluster.Server.Storage;

namespace SpadeCluster.Server.Notices;

/// <summary>Reads the data for notices: the gallery, and the log's last decisions and feedback.</summary>
public sealed class FactReader(IGalleryServices services, ServerDatabase database, FeedbackLog feedbacks, ThresholdAnchors anchors,
    Outbox outbox, TimeProvider clock)
{
    /// <exception cref="SpadeException">NotFound: no such category.</exception>
    public async Task<CategoryFacts> ReadAsync(string category, CancellationToken cancellationToken)
    {
        var galleries = services.For("server");
        var current = await galleries.GetAsync(category, cancellationToken);
        var scoring = await galleries.FindScoringVersionAsync(category, cancellationToken);
        // Only decisions with the thresholds that an engineer last confirmed are compared.
        var last = scoring?.Calibration is null ? [] : Last(category, anchors.Of(scoring).Since);
        return new CategoryFacts(category, scoring, [.. last.Where(d => d is { Defect: false, Said: false, Score: not null })
            .Select(d => d.Score!.Value)], [.. last.Select(d => d.Defect)], Missed(category),
            Suspects(scoring?.Calibration, current), feedbacks.With(FeedbackStatus.Waiting, category).Count)
        { Undelivered = outbox.Troubles(category, clock.GetUtcNow().AddDays(-NoticeRules.MissDays)) };
    }

    /// <summary>Raw scores of the parts of a filter that passed, and that nobody reported as defects, newest first.</summary>
    /// <param name="scoring">Only parts that were scored with the thresholds of this version, as an engineer last confirmed them.</param>
    public IReadOnlyList<double> Passed(DecisionFilter filter, GalleryManifest scoring, int count)
    {
        var condition = new DecisionCondition(filter);
        return database.Read(c => c.Query($"""
            SELECT d.raw_score FROM decisions d {condition.Where} AND d.version >= $anchor AND d.verdict IN ('good', 'review')
                AND d.raw_score IS NOT NULL
                AND NOT EXISTS (SELECT 1 FROM feedback f WHERE f.decision = d.id AND f.undone IS NULL AND f.kind = 'Defect')
            ORDER BY d.id DESC LIMIT $count
            """, r => r.GetDouble(0), condition.Values(("$anchor", anchors.Of(scoring).Since), ("$count", count))));
    }

    /// <summary>The suspects that nobody has decided on, also while thresholds are being learned.</summary>
    private static int Suspects(Calibration? scoring, GalleryManifest current)
        => scoring?.Suspects.Count(s => !s.Accepted && !current.Accepted.Contains(s.Image) && current.Images.Any(i => i.Id == s.Image))
        ?? 0;

    private List<(double? Score, bool Defect, bool Said)> Last(string category, int since) => database.Read(c => c.Query("""
        SELECT d.raw_score, d.verdict = 'defect',
            EXISTS (SELECT 1 FROM feedback f WHERE f.decision = d.id AND f.undone IS NULL AND f.kind = 'Defect')
        FROM decisions d WHERE d.category = $category AND d.version >= $since AND d.verdict IS NOT NULL ORDER BY d.id DESC LIMIT $count
        """, r => (r.IsDBNull(0) ? (double?)null : r.GetDouble(0), r.GetBoolean(1), r.GetBoolean(2)),
        ("$category", category), ("$since", since), ("$count", NoticeRules.RateParts + NoticeRules.RateHistory)));

    private List<LoggedScore> Missed(string category) => database.Read(c => c.Query("""
        SELECT d.id, d.raw_score FROM feedback f JOIN decisions d ON d.id = f.decision
        WHERE f.undone IS NULL AND f.kind = 'Defect' AND f.time >= $since AND d.category = $category AND d.verdict = 'good'
        ORDER BY f.id DESC
        """, r => new LoggedScore(r.GetInt64(0), r.IsDBNull(1) ? 0 : r.GetDouble(1), FeedbackKind.Defect),
        ("$category", category), ("$since", clock.GetUtcNow().AddDays(-NoticeRules.MissDays))));
}
