using System.Text.Json.Serialization;

namespace SpadeCluster.Cli.Evaluation.Paper;

/// <summary>A category's figures with one model and one setting, and how they came about. Null if a figure is undefined.</summary>
internal sealed record PaperResult
{
    /// <summary>Name of the data set's folder.</summary>
    public required string Set { get; init; }

    public required string Category { get; init; }

    /// <summary>See <see cref="PaperSetting.Name"/>.</summary>
    public required string Setting { get; init; }

    public required string Model { get; init; }
    public required string ModelDigest { get; init; }

    /// <summary>Digest of the names and sizes of the data set's files; with other files the result is not used again.</summary>
    public required string Data { get; init; }

    public required string Preprocessing { get; init; }

    /// <summary>Pyramid levels used, as cells down x cells across x channels.</summary>
    public required IReadOnlyList<string> Levels { get; init; }

    public required int GateK { get; init; }
    public required int GalleryK { get; init; }
    public required int Train { get; init; }

    /// <summary>Test images, or frames of clips.</summary>
    public required int Test { get; init; }

    /// <summary>Number of test clips; null for photographs.</summary>
    public int? Clips { get; init; }

    /// <summary>For clips: every N-th frame of the training clips was used.</summary>
    public int? Every { get; init; }

    /// <summary>Area under the ROC curve of images or frames by the gate's distance: the paper's figure.</summary>
    public double? ImageAurocGate { get; init; }

    /// <summary>The same by the score of the map.</summary>
    public double? ImageAuroc { get; init; }

    public double? PixelAuroc { get; init; }

    [JsonPropertyName("pro_30")]
    public double? Pro30 { get; init; }

    /// <summary>Files that could not be used, one sentence each.</summary>
    public IReadOnlyList<string> Problems { get; init; } = [];

    public required string Version { get; init; }

    /// <summary>Versions of .NET and ONNX Runtime.</summary>
    public required string Runtime { get; init; }

    public required string Machine { get; init; }

    /// <summary>The day in UTC, as 2026-11-29.</summary>
    public required string Date { get; init; }
}

/// <summary>The outcome of a run.</summary>
/// <param name="Sources">Where the published figures are from.</param>
internal sealed record PaperReport(IReadOnlyList<PaperTable> Tables, IReadOnlyList<PublishedSource> Sources,
    IReadOnlyList<PaperResult> Results);
