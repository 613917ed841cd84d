using SpadeCluster.Evaluation;
using SpadeCluster.Galleries;
using SpadeCluster.Scoring;

namespace SpadeCluster.Cli.Evaluation;

/// <summary>One test image with its data for a report.</summary>
/// <param name="Mask">The ground truth in the model's input size; null for a defect without it.</param>
/// <param name="PredictedAnomalous">The verdict at the calibrated thresholds.</param>
internal sealed record EvaluatedImage(TestImage Test, ScoreResult Result, bool[]? Mask, bool PredictedAnomalous)
{
    public double Score => Result.Score!.Value;
    public bool Mistaken => PredictedAnomalous != Test.Anomalous;
}

/// <summary>The evaluation of a category with a recipe: figures and images.</summary>
internal sealed record EvaluatedCategory(
    CategoryEvaluation Figures, Calibration Calibration, IReadOnlyList<EvaluatedImage> Images,
    IReadOnlyDictionary<ImageId, string> NormalFiles, IReadOnlyList<(double FalsePositiveRate, double Overlap)> OverlapCurve);
