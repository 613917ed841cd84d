using System.Data.Common;
using SpadeCluster.Scoring;
using SpadeCluster.Server.Storage;

namespace SpadeCluster.Server.Shadows;

/// <summary>The tables of shadows and of their scores.</summary>
public sealed class ShadowLog(ServerDatabase database)
{
    private const string Columns = "category, version, share, since, caller FROM shadows";

    public IReadOnlyList<Shadow> All() => database.Read(c => c.Query($"SELECT {Columns}", Row));

    public Shadow? Find(string category) => database.Read(c =>
        c.Query($"SELECT {Columns} WHERE category = $category", Row, ("$category", category))).SingleOrDefault();

    /// <summary>Begins a shadow; it replaces the category's other one.</summary>
    public Task SetAsync(Shadow shadow) => database.WriteAsync(c =>
    {
        c.Execute("DELETE FROM shadows WHERE category = $category", ("$category", shadow.Category));
        c.Execute("INSERT INTO shadows (category, version, share, since, caller) VALUES ($category, $version, $share, $since, $caller)",
            ("$category", shadow.Category), ("$version", shadow.Version), ("$share", shadow.Share), ("$since", shadow.Since),
            ("$caller", shadow.Caller));
    });

    /// <returns>False: it has ended already, or another one has begun.</returns>
    public Task<bool> EndAsync(Shadow shadow) => database.WriteAsync(c => c.Execute(
        "DELETE FROM shadows WHERE category = $category AND version = $version AND since = $since", ("$category", shadow.Category),
        ("$version", shadow.Version), ("$since", shadow.Since)) == 1);

    /// <summary>Stores what a shadow said about a decision's photograph, unless retention has deleted the decision meanwhile.</summary>
    public Task RecordAsync(long decision, ImageScore score) => database.WriteAsync(c => c.Execute(
        "INSERT INTO shadow_scores (decision, category, version, verdict, pred_score, raw_score) SELECT id, category, $version, $verdict, "
        + "$pred, $raw FROM decisions WHERE id = $decision",
        ("$version", score.Version), ("$verdict", score.Verdict), ("$pred", score.PredScore), ("$raw", score.RawScore),
        ("$decision", decision)));

    /// <summary>The pairs of verdicts since the shadow began, in the order of their names.</summary>
    public IReadOnlyList<ShadowCount> Counts(Shadow shadow) => database.Read(c => c.Query(
        "SELECT d.verdict, o.verdict, count(*) FROM shadow_scores o JOIN decisions d ON d.id = o.decision "
        + "WHERE o.category = $category AND o.version = $version AND d.time >= $since GROUP BY 1, 2 ORDER BY 1, 2",
        r => new ShadowCount(r.Text(0), r.GetString(1), r.GetInt64(2)), ("$category", shadow.Category), ("$version", shadow.Version),
        ("$since", shadow.Since)));

    private static Shadow Row(DbDataReader r)
        => new(r.GetString(0), (int)r.GetInt64(1), r.GetDouble(2), r.Time(3)!.Value, r.GetString(4));
}
