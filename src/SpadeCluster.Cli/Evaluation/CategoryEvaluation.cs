using System.Text.Json.Serialization;

namespace SpadeCluster.Cli.Evaluation;

/// <summary>One test image, for machines. Distances are squared and unrounded.</summary>
internal sealed record ImageEvaluation(
    string File, string Kind, bool Anomalous, double Gate, double MapMax, double MapTop1, double PredScore, bool PredLabel, string Nearest);

/// <summary>Mean seconds per test image.</summary>
internal sealed record StageSeconds(double Prepare, double Extract, double Retrieve, double Match, double Map, double Total);

/// <summary>The figures of one category, or their means over several. Null where a figure is undefined.</summary>
internal record Metrics
{
    /// <summary>Area under the image-level ROC curve, by gate distance.</summary>
    public double? ImageAurocGate { get; init; }

    /// <summary>The same, by the map's maximum.</summary>
    public double? ImageAurocMapMax { get; init; }

    /// <summary>The same, by the score that decides: the mean of the map's highest 1 %, or of the highest 2 % of the
    /// normalised map.</summary>
    [JsonPropertyName("image_auroc_map_top1")]
    public double? ImageAurocMapTop1 { get; init; }

    /// <summary>Average precision by that score.</summary>
    public double? ImageAupr { get; init; }

    /// <summary>Best F1 over all thresholds by that score.</summary>
    public double? ImageBestF1 { get; init; }

    public double? PixelAuroc { get; init; }

    /// <summary>Per-region overlap up to a false-positive rate of 0.3.</summary>
    [JsonPropertyName("pro_30")]
    public double? Pro30 { get; init; }

    /// <summary>Share of good test images called anomalous at the calibrated thresholds.</summary>
    public double? FalseRejectRate { get; init; }

    /// <summary>Share of defective test images called normal at the calibrated thresholds.</summary>
    public double? MissRate { get; init; }

    /// <summary>Mean of the two, and the lowest one that any threshold on the score has on these test images.</summary>
    public double? MeanErrorRate { get; init; }
    public double? BestMeanErrorRate { get; init; }

    /// <summary>Share of good test images that are reviewed or rejected.</summary>
    public double? ReviewedGoodRate { get; init; }

    /// <summary>Share of defective test images that are called good: neither defect nor review.</summary>
    public double? PassedDefectRate { get; init; }
}

internal sealed record CategoryEvaluation : Metrics
{
    public required string Dataset { get; init; }
    public required string Model { get; init; }
    public required string Preprocessing { get; init; }
    public required string Fusion { get; init; }
    public required int GateK { get; init; }
    public required int GalleryK { get; init; }
    public required int Kappa { get; init; }
    public required string GatePolicy { get; init; }
    public required int Train { get; init; }
    public required int Test { get; init; }
    public required double Tau { get; init; }
    public required double Theta { get; init; }

    /// <summary>The false-reject rate asked for, and the one the number of normals allows.</summary>
    public required double Alpha { get; init; }
    public required double PromisedFalseRejectRate { get; init; }

    public required StageSeconds SecondsPerImage { get; init; }
    public required double GallerySeconds { get; init; }
    public required double CalibrationSeconds { get; init; }

    /// <summary>Files that could not be used, one sentence each.</summary>
    public required IReadOnlyList<string> Problems { get; init; }
    public required IReadOnlyList<ImageEvaluation> Images { get; init; }
}

/// <summary>What 'evaluate --json' prints: means over categories, then each category.</summary>
internal sealed record EvaluationSummary : Metrics
{
    public required IReadOnlyList<CategoryEvaluation> Categories { get; init; }
    public string? Report { get; init; }
    public required double Seconds { get; init; }

    public static EvaluationSummary Of(IReadOnlyList<CategoryEvaluation> categories, string? report, double seconds)
    {
        return new EvaluationSummary
        {
            Categories = categories,
            Report = report,
            Seconds = seconds,
            ImageAurocGate = Mean(c => c.ImageAurocGate),
            ImageAurocMapMax = Mean(c => c.ImageAurocMapMax),
            ImageAurocMapTop1 = Mean(c => c.ImageAurocMapTop1),
            ImageAupr = Mean(c => c.ImageAupr),
            ImageBestF1 = Mean(c => c.ImageBestF1),
            PixelAuroc = Mean(c => c.PixelAuroc),
            Pro30 = Mean(c => c.Pro30),
            FalseRejectRate = Mean(c => c.FalseRejectRate),
            MissRate = Mean(c => c.MissRate),
            MeanErrorRate = Mean(c => c.MeanErrorRate),
            BestMeanErrorRate = Mean(c => c.BestMeanErrorRate),
            ReviewedGoodRate = Mean(c => c.ReviewedGoodRate),
            PassedDefectRate = Mean(c => c.PassedDefectRate),
        };

        double? Mean(Func<Metrics, double?> figure) => categories.Average(figure);
    }
}
