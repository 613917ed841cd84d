using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using SpadeCluster.Cli.Bench;
using SpadeCluster.Cli.Evaluation;
using SpadeCluster.Cli.Evaluation.Paper;
using SpadeCluster.Cli.Evaluation.Video;
using SpadeCluster.Cli.Planning;
using SpadeCluster.Cli.Watch;
using SpadeCluster.Client;
using SpadeCluster.Evaluation;
using SpadeCluster.Galleries;
using SpadeCluster.Scoring;
using SpadeCluster.Neighbors;

namespace SpadeCluster.Cli.Output;

/// <summary>JSON for machines: snake case, numbers unrounded, one object per line unless indented.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UseStringEnumConverter = true)]
[JsonSerializable(typeof(EvaluationSummary))]
[JsonSerializable(typeof(IReadOnlyList<ShotCurve>))]
[JsonSerializable(typeof(VideoEvaluation))]
[JsonSerializable(typeof(PaperReport))]
[JsonSerializable(typeof(PaperResult))]
[JsonSerializable(typeof(ImageScore))]
[JsonSerializable(typeof(FailedImage))]
[JsonSerializable(typeof(WatchedImage))]
[JsonSerializable(typeof(List<WatchedFolder>))]
[JsonSerializable(typeof(GallerySummary))]
[JsonSerializable(typeof(IReadOnlyList<GallerySummary>))]
[JsonSerializable(typeof(GalleryDetails))]
[JsonSerializable(typeof(AddReport))]
[JsonSerializable(typeof(DefectReport))]
[JsonSerializable(typeof(CompressReport))]
[JsonSerializable(typeof(VerifyReport))]
[JsonSerializable(typeof(DeletedCategory))]
[JsonSerializable(typeof(IReadOnlyList<DeletedCategory>))]
[JsonSerializable(typeof(IReadOnlyList<GalleryVersion>))]
[JsonSerializable(typeof(GalleryDiffReport))]
[JsonSerializable(typeof(CompactionReport))]
[JsonSerializable(typeof(RemoteShadow))]
[JsonSerializable(typeof(SnapshotReport))]
[JsonSerializable(typeof(ModelSummary))]
[JsonSerializable(typeof(ModelVerified))]
[JsonSerializable(typeof(ExtractResult))]
[JsonSerializable(typeof(PixelSearchResult))]
[JsonSerializable(typeof(ImageSearchBenchmarkResult))]
[JsonSerializable(typeof(ServeResult))]
[JsonSerializable(typeof(BenchRecord))]
[JsonSerializable(typeof(LargeResult))]
[JsonSerializable(typeof(UnitFigures))]
[JsonSerializable(typeof(Plan))]
[JsonSerializable(typeof(IReadOnlyList<ModelSummary>))]
[JsonSerializable(typeof(IReadOnlyList<ThresholdSimulationRow>))]
[JsonSerializable(typeof(SpadeCluster.Server.Security.AuditEntry))]
[JsonSerializable(typeof(SpadeCluster.Server.Deliveries.OutboxRow))]
[JsonSerializable(typeof(KeyRow))]
[JsonSerializable(typeof(IReadOnlyList<KeyRow>))]
internal sealed partial class CliJson : JsonSerializerContext
{
    /// <summary>For files that people read.</summary>
    public static CliJson Indented => field ??= new(new JsonSerializerOptions(Default.Options) { WriteIndented = true });

    public static void WriteLine<T>(T value, JsonTypeInfo<T> type) => Console.Out.WriteLine(JsonSerializer.Serialize(value, type));
}
