using System.Text.Json.Serialization;

namespace SpadeCluster.Server.Decisions;

/// <summary>How many decisions have each verdict.</summary>
/// <param name="None">Without a verdict: the category had no thresholds.</param>
public sealed record VerdictCounts(long Good, long Review, long Defect, long None)
{
    [JsonIgnore] public long Total => Good + Review + Defect + None;

    /// <summary>The share of defects among all parts; null: there are none.</summary>
    [JsonIgnore] public double? DefectShare => Total == 0 ? null : (double)Defect / Total;

    public VerdictCounts Add(string? verdict, long count) => verdict switch
    {
        "good" => this with { Good = Good + count },
        "review" => this with { Review = Review + count },
        "defect" => this with { Defect = Defect + count },
        _ => this with { None = None + count },
    };

    public VerdictCounts Add(VerdictCounts other)
        => new(Good + other.Good, Review + other.Review, Defect + other.Defect, None + other.None);
}

/// <summary>The counts of a category or line.</summary>
public sealed record CountedName(string Name, VerdictCounts Counts);

/// <summary>The time that a shift's share of defects is compared with.</summary>
/// <param name="Shift">Its shift; null: all.</param>
public sealed record TimeBefore(string? Shift, DateTimeOffset Since, DateTimeOffset Until, VerdictCounts Counts);

/// <summary>The counts of one step of time.</summary>
public sealed record CountedTime(DateTimeOffset Start, VerdictCounts Counts);

/// <summary>The counts of a shift.</summary>
/// <param name="Shift">Null: photographs that named no shift.</param>
public sealed record CountedShift(string? Shift, VerdictCounts Counts);

/// <summary>The decisions of a time, counted.</summary>
/// <param name="Until">Not included.</param>
/// <param name="StepSeconds">Length of one of <paramref name="Times"/>; they follow each other from <paramref name="Since"/> on.</param>
/// <param name="Missed">Decisions with the verdict good that people reported as defects.</param>
/// <param name="FalseAlarms">Decisions with the verdict review or defect that people reported as good.</param>
public sealed record DecisionCounts(DateTimeOffset Since, DateTimeOffset Until, int StepSeconds, VerdictCounts Total, long Missed,
    long FalseAlarms, IReadOnlyList<CountedTime> Times, IReadOnlyList<CountedShift> Shifts);
