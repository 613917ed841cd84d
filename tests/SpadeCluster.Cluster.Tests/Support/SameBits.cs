using SpadeCluster.Scoring;

namespace SpadeCluster.Cluster.Tests.Support;

internal static class SameBits
{
    /// <summary>Everything but the times is equal, floating-point numbers to the bit.</summary>
    public static void Assert(ScoredImage expected, ScoredImage actual)
    {
        var (e, a) = (expected.Result, actual.Result);
        Xunit.Assert.Equal(expected.Id, actual.Id);
        Xunit.Assert.Equal(expected.Gallery.Version, actual.Gallery.Version);
        Xunit.Assert.Equal(BitConverter.DoubleToInt64Bits(e.GateDistance), BitConverter.DoubleToInt64Bits(a.GateDistance));
        Xunit.Assert.Equal(e.Neighbours, a.Neighbours);
        Xunit.Assert.Equal(e.Anomalous, a.Anomalous);
        Xunit.Assert.Equal(e.NormalisedScore, a.NormalisedScore);
        Xunit.Assert.Equal(e.Regions, a.Regions);
        Xunit.Assert.Equal(e.Map is null, a.Map is null);
        if (e.Map is null) return;
        Xunit.Assert.True(e.Map.Values.AsSpan().SequenceEqual(a.Map!.Values), "the maps differ");
        Xunit.Assert.Equal(BitConverter.DoubleToInt64Bits(e.Map.Score), BitConverter.DoubleToInt64Bits(a.Map.Score));
        for (int y = 0; y < e.Map.Height; y += 3)
            for (int x = 0; x < e.Map.Width; x += 3)
                Xunit.Assert.Equal(e.EvidenceAt(x, y), a.EvidenceAt(x, y));
    }
}
