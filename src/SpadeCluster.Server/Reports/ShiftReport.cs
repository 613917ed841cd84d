using System.Text.Json;
using System.Text.Json.Serialization;
using SpadeCluster.Scoring;
using SpadeCluster.Server.Decisions;
using SpadeCluster.Server.Hosting;
using SpadeCluster.Server.Notices;

namespace SpadeCluster.Server.Reports;

/// <summary>What happened in a shift, or in any other time: <see cref="ShiftReporter"/> makes it, page and file show it.</summary>
/// <param name="Category">Only of this category; null: of all that the reader may see. Line and shift likewise.</param>
/// <param name="Before">The time that the share of defects is compared with.</param>
/// <param name="Categories">Those with the most decisions first, <see cref="ShiftReporter.MaxCategories"/> at most.</param>
/// <param name="Worst">The decisions with the highest normalised scores, the highest first.</param>
/// <param name="Missed">Decisions with the verdict good that people reported as defects, the newest first; <see cref="Counts"/> has their
/// number, and this list at most <see cref="ShiftReporter.MaxParts"/> of them.</param>
/// <param name="FalseAlarms">The same for decisions with the verdict review or defect that people reported as good.</param>
public sealed record ShiftReport(string? Category, string? Line, string? Shift, DateTimeOffset Since, DateTimeOffset Until,
    DecisionCounts Counts, TimeBefore Before, IReadOnlyList<CountedName> Lines, IReadOnlyList<CategoryReport> Categories,
    IReadOnlyList<Decision> Worst, IReadOnlyList<Decision> Missed, IReadOnlyList<Decision> FalseAlarms)
{
    public string ToJson() => JsonSerializer.Serialize(this, ServerJson.Options);

    /// <summary>The share of defects with its 95 % interval.</summary>
    public static RateInterval Rate(VerdictCounts counts) => RateInterval.Of((int)counts.Defect, (int)counts.Total);
}

/// <summary>What a category's part of a report says.</summary>
/// <param name="Defects">Where its defects fall on the part; null: no defect, or no map of one is kept.</param>
/// <param name="Drift">Null: the category has no thresholds.</param>
/// <param name="Notices">The notices of now, whatever the report's time.</param>
public sealed record CategoryReport(string Category, VerdictCounts Counts, DefectMap? Defects, ScoreDrift? Drift,
    IReadOnlyList<Notice> Notices)
{
    /// <summary><see cref="Defects"/> over a normal photograph, JPEG.</summary>
    [JsonIgnore] public byte[]? Picture { get; init; }
}
