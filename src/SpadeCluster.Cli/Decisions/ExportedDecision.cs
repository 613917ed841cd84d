using System.Text.Json.Serialization;
using Parquet.Serialization.Attributes;
using SpadeCluster.Server.Decisions;

namespace SpadeCluster.Cli.Decisions;

/// <summary>A decision as a row of a table, for CSV and Parquet. Its properties are the columns, in order.</summary>
internal sealed class ExportedDecision
{
    [JsonPropertyName("id")] public long Id { get; init; }
    [JsonPropertyName("time"), ParquetTimestamp(ParquetTimestampResolution.Milliseconds)] public DateTime Time { get; init; }
    [JsonPropertyName("line")] public string Line { get; init; } = "";
    [JsonPropertyName("serial_number")] public string? SerialNumber { get; init; }
    [JsonPropertyName("batch")] public string? Batch { get; init; }
    [JsonPropertyName("shift")] public string? Shift { get; init; }
    [JsonPropertyName("operator")] public string? Operator { get; init; }
    [JsonPropertyName("category")] public string Category { get; init; } = "";
    [JsonPropertyName("version")] public int Version { get; init; }
    [JsonPropertyName("verdict")] public string? Verdict { get; init; }
    [JsonPropertyName("pred_score")] public double? PredScore { get; init; }
    [JsonPropertyName("pred_label")] public bool? PredLabel { get; init; }
    [JsonPropertyName("raw_score")] public double? RawScore { get; init; }
    [JsonPropertyName("review")] public double? Review { get; init; }
    [JsonPropertyName("theta")] public double? Theta { get; init; }
    [JsonPropertyName("gate_distance")] public double GateDistance { get; init; }
    [JsonPropertyName("tau")] public double? Tau { get; init; }
    [JsonPropertyName("regions")] public int Regions { get; init; }
    [JsonPropertyName("feedback")] public string? Feedback { get; init; }
    [JsonPropertyName("file")] public string File { get; init; } = "";
    [JsonPropertyName("digest")] public string Digest { get; init; } = "";
    [JsonPropertyName("caller")] public string Caller { get; init; } = "";
    [JsonPropertyName("shadow_version")] public int? ShadowVersion { get; init; }
    [JsonPropertyName("shadow_verdict")] public string? ShadowVerdict { get; init; }
    [JsonPropertyName("shadow_pred_score")] public double? ShadowPredScore { get; init; }
    [JsonPropertyName("shadow_raw_score")] public double? ShadowRawScore { get; init; }

    public static ExportedDecision Of(Decision d) => new()
    {
        Id = d.Id,
        Time = d.Time.UtcDateTime,
        Line = d.Line,
        SerialNumber = d.SerialNumber,
        Batch = d.Batch,
        Shift = d.Shift,
        Operator = d.Operator,
        Category = d.Score.Category,
        Version = d.Score.Version,
        Verdict = d.Score.Verdict,
        PredScore = d.Score.PredScore,
        PredLabel = d.Score.PredLabel,
        RawScore = d.Score.RawScore,
        Review = d.Score.Review,
        Theta = d.Score.Theta,
        GateDistance = d.Score.GateDistance,
        Tau = d.Score.Tau,
        Regions = d.Score.Regions.Count,
        Feedback = d.Feedback?.ToString().ToLowerInvariant(),
        File = d.Score.File,
        Digest = d.Digest,
        Caller = d.Caller,
        ShadowVersion = d.Shadow?.Version,
        ShadowVerdict = d.Shadow?.Verdict,
        ShadowPredScore = d.Shadow?.PredScore,
        ShadowRawScore = d.Shadow?.RawScore,
    };
}
