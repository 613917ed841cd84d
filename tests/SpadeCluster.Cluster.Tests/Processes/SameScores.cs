using System.Text.Json;
using SpadeCluster.Scoring;

namespace SpadeCluster.Cluster.Tests.Processes;

internal static class SameScores
{
    /// <summary>The JSON of two scores, times aside, is the same text: numbers print in round-trip form.</summary>
    public static void Assert(ImageScore expected, ImageScore actual)
        => Xunit.Assert.Equal(JsonSerializer.Serialize(expected with { Milliseconds = new StageTimes() }), JsonSerializer.Serialize(actual with { Milliseconds = new StageTimes() }));
}
