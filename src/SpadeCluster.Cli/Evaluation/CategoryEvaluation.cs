using System.Globalization;
using System.Text.Json.Serialization;

namespace SpadeCluster.Cli.Evaluation;

/// <summary>One test image, for machines. Distances are squared and unrounded; PatchCore's are not squared.</summary>
/// <param name="MapTop1">The score that is compared with theta. Its name is of the time when that was always the mean of the map's highest
/// 1 %; it still is without normalised distances.</param>
/// <param name="Nearest">The nearest normal by the gate; null if a recipe has no gate.</param>
internal sealed record ImageEvaluation(
    string File, string Kind, bool Anomalous, double Gate, double MapMax, double MapTop1, double PredScore, bool PredLabel,
    string? Nearest);

/// <summary>Mean seconds per test image.</summary>
internal sealed record StageSeconds(double Prepare, double Extract, double Retrieve, double Match, double Map, double Total);

/// <summary>The figures of one category, or their means over several. Null if a figure is undefined.</summary>
internal record Metrics
{
    /// <summary>Area under the image-level ROC curve, by gate distance.</summary>
    public double? ImageAurocGate { get; init; }

    /// <summary>The same, by the map's maximum.</summary>
    public double? ImageAurocMapMax { get; init; }

    /// <summary>The same, by the score that is compared with theta (<see cref="ImageEvaluation.MapTop1"/>): by default the mean of the
    /// highest 2 % of the map of normalised distances, otherwise of the map's highest 1 %.</summary>
    [JsonPropertyName("image_auroc_map_top1")]
    public double? ImageAurocMapTop1 { get; init; }

    /// <summary>Average precision by that score.</summary>
    public double? ImageAupr { get; init; }

    /// <summary>Best F1 over all thresholds by that score.</summary>
    public double? ImageBestF1 { get; init; }

    public double? PixelAuroc { get; init; }

    /// <summary>Best F1 of all pixels together over all thresholds.</summary>
    public double? PixelBestF1 { get; init; }

    /// <summary>F1 of all pixels together at theta, the calibrated threshold.</summary>
    public double? SegF1 { get; init; }

    /// <summary>Per-region overlap (AU-PRO) up to a false-positive rate of 0.3.</summary>
    [JsonPropertyName("pro_30")]
    public double? Pro30 { get; init; }

    /// <summary>The same up to 0.05, over all thresholds.</summary>
    [JsonPropertyName("pro_05")]
    public double? Pro05 { get; init; }

    /// <summary>Per-image overlap between false-positive rates of 1e-5 and 1e-4 on normal images.</summary>
    public double? Aupimo { get; init; }

    /// <summary>Share of good test images called anomalous at the calibrated thresholds.</summary>
    public double? FalseRejectRate { get; init; }

    /// <summary>Share of defective test images called normal at the calibrated thresholds.</summary>
    public double? MissRate { get; init; }

    /// <summary>Mean of the two, and the lowest such mean of any threshold on these test images.</summary>
    public double? MeanErrorRate { get; init; }
    public double? BestMeanErrorRate { get; init; }

    /// <summary>Share of good test images that are reviewed or rejected.</summary>
    public double? ReviewedGoodRate { get; init; }

    /// <summary>Share of defective test images with the verdict good.</summary>
    public double? PassedDefectRate { get; init; }

    /// <summary>Seconds to build the gallery (features, and PatchCore's coreset), and to score its normals against each other.</summary>
    public double? GallerySeconds { get; init; }
    public double? CalibrationSeconds { get; init; }

    /// <summary>Bytes that a search keeps in memory.</summary>
    public double? GalleryBytes { get; init; }
}

internal sealed record CategoryEvaluation : Metrics
{
    /// <summary>The method: <see cref="Evaluation.Recipe.Names"/>.</summary>
    public required string Recipe { get; init; }

    public required string Dataset { get; init; }
    public required string Model { get; init; }
    public required string Preprocessing { get; init; }
    public required string Fusion { get; init; }
    public required int GateK { get; init; }
    public required int GalleryK { get; init; }
    public required int Kappa { get; init; }
    public required string GatePolicy { get; init; }

    /// <summary>Share of the patches that PatchCore kept; null for other recipes.</summary>
    public double? Coreset { get; init; }

    /// <summary>The method's settings, for people.</summary>
    [JsonIgnore]
    public string Method => Coreset is { } share
        ? string.Create(CultureInfo.InvariantCulture, $"PatchCore, coreset share {share:0.####}")
        : $"{Fusion}, gate K {GateK}, gallery K {GalleryK}, kappa {Kappa}, gate policy {GatePolicy}";

    public required int Train { get; init; }
    public required int Test { get; init; }
    public required double Tau { get; init; }
    public required double Theta { get; init; }

    /// <summary>The requested false-reject rate; the promised one is this rate, or 1/(n+1) if n normals are too few for it.</summary>
    public required double Alpha { get; init; }
    public required double PromisedFalseRejectRate { get; init; }

    public required StageSeconds SecondsPerImage { get; init; }

    /// <summary>Files that could not be used, one sentence each.</summary>
    public required IReadOnlyList<string> Problems { get; init; }
    public required IReadOnlyList<ImageEvaluation> Images { get; init; }
}

/// <summary>One recipe's means over the categories.</summary>
internal sealed record RecipeEvaluation : Metrics
{
    internal RecipeEvaluation(Metrics means) : base(means) { }

    public required string Recipe { get; init; }

    /// <summary>Mean seconds per test image.</summary>
    public required double SecondsPerImage { get; init; }
}

/// <summary>The output of 'evaluate --json': means over categories of the first recipe and of each recipe, then each category with each
/// recipe.</summary>
internal sealed record EvaluationSummary : Metrics
{
    private EvaluationSummary(Metrics means) : base(means) { }

    public required IReadOnlyList<RecipeEvaluation> Recipes { get; init; }
    public required IReadOnlyList<CategoryEvaluation> Categories { get; init; }
    public string? Report { get; init; }
    public required double Seconds { get; init; }

    public static EvaluationSummary Of(IReadOnlyList<CategoryEvaluation> categories, string? report, double seconds)
    {
        RecipeEvaluation[] recipes = [.. categories.GroupBy(c => c.Recipe)
            .Select(group => new RecipeEvaluation(MeanOf([.. group]))
            {
                Recipe = group.Key,
                SecondsPerImage = group.Average(c => c.SecondsPerImage.Total),
            })];
        return new EvaluationSummary(recipes[0]) { Recipes = recipes, Categories = categories, Report = report, Seconds = seconds };
    }

    private static Metrics MeanOf(IReadOnlyList<CategoryEvaluation> categories)
    {
        return new Metrics
        {
            ImageAurocGate = Mean(c => c.ImageAurocGate),
            ImageAurocMapMax = Mean(c => c.ImageAurocMapMax),
            ImageAurocMapTop1 = Mean(c => c.ImageAurocMapTop1),
            ImageAupr = Mean(c => c.ImageAupr),
            ImageBestF1 = Mean(c => c.ImageBestF1),
            PixelAuroc = Mean(c => c.PixelAuroc),
            PixelBestF1 = Mean(c => c.PixelBestF1),
            SegF1 = Mean(c => c.SegF1),
            Pro30 = Mean(c => c.Pro30),
            Pro05 = Mean(c => c.Pro05),
            Aupimo = Mean(c => c.Aupimo),
            FalseRejectRate = Mean(c => c.FalseRejectRate),
            MissRate = Mean(c => c.MissRate),
            MeanErrorRate = Mean(c => c.MeanErrorRate),
            BestMeanErrorRate = Mean(c => c.BestMeanErrorRate),
            ReviewedGoodRate = Mean(c => c.ReviewedGoodRate),
            PassedDefectRate = Mean(c => c.PassedDefectRate),
            GallerySeconds = Mean(c => c.GallerySeconds),
            CalibrationSeconds = Mean(c => c.CalibrationSeconds),
            GalleryBytes = Mean(c => c.GalleryBytes),
        };

        double? Mean(Func<Metrics, double?> figure) => categories.Average(figure);
    }
}
