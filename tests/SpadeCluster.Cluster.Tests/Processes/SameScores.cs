using System.Text.Json;
using SpadeCluster.Scoring;

namespace SpadeCluster.Cluster.Tests.Processes;

internal static class SameScores
{
    public static void Assert(ImageScore expected, ImageScore actual) => Xunit.Assert.Equal(Text(expected), Text(actual));

    /// <summary>A score's JSON without times, and without the photograph's folder, which a server does not learn. Numbers print in
    /// round-trip form, so equal texts are equal bits.</summary>
    public static string Text(ImageScore score) => JsonSerializer.Serialize(
        score with { File = Path.GetFileName(score.File), Milliseconds = new StageTimes() });
}
