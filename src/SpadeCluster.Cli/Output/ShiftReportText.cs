using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;

namespace SpadeCluster.Cli.Output;

/// <summary>A shift's figures in a few lines.</summary>
internal static class ShiftReportText
{
    /// <param name="json">The report's figures, which a server sends too.</param>
    /// <param name="file">The file that the report was written to; null: none.</param>
    public static string Of(string json, string? file)
    {
        var report = JsonNode.Parse(json)!;
        var text = new StringBuilder();
        var (counts, before) = (report["counts"]!, report["before"]!);
        text.Append(CultureInfo.InvariantCulture, $"{Time(report["since"])} to {Time(report["until"])}: {Counts(counts["total"]!)}; ")
            .AppendLine(CultureInfo.InvariantCulture, $"{counts["missed"]} missed, {counts["false_alarms"]} rejected but good");
        text.AppendLine(CultureInfo.InvariantCulture,
            $"before, {Time(before["since"])} to {Time(before["until"])}: {Counts(before["counts"]!)}");
        foreach (var category in report["categories"]!.AsArray())
        {
            text.Append(CultureInfo.InvariantCulture, $"{category!["category"]}: {Counts(category["counts"]!)}");
            if (category["drift"] is { } drift) text.Append(drift["drifted"]!.GetValue<bool>() ? "; scores drift" : "; no drift of scores");
            text.AppendLine();
            foreach (var notice in category["notices"]!.AsArray())
                text.AppendLine(CultureInfo.InvariantCulture, $"  {notice!["sentence"]} {notice["next"]}");
        }
        if (file is not null) text.AppendLine(CultureInfo.InvariantCulture, $"the report is in {file}");
        return text.ToString().TrimEnd();
    }

    private static string Counts(JsonNode counts)
    {
        long Of(string verdict) => counts[verdict]!.GetValue<long>();
        long all = Of("good") + Of("review") + Of("defect") + Of("none");
        return all == 0 ? "no decision" : string.Create(CultureInfo.InvariantCulture,
            $"{Of("good")} good, {Of("review")} review, {Of("defect")} defect ({100.0 * Of("defect") / all:0.0} %)");
    }

    private static string Time(JsonNode? time)
        => time!.GetValue<DateTimeOffset>().ToString("yyyy-MM-dd HH:mm'Z'", CultureInfo.InvariantCulture);
}
