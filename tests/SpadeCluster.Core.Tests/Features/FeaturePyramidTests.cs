using SpadeCluster.Core.Tests.Galleries;
using SpadeCluster.Features;

namespace SpadeCluster.Core.Tests.Features;

public class FeaturePyramidTests
{
    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    [InlineData(70000f)]
    public void Values_without_a_distance_are_refused(float value)
    {
        var (_, features) = SyntheticGallery.Image(new Random(1));
        features.Levels[1][3] = value;
        var e = Assert.Throws<SpadeException>(() => FeaturePyramid.From(features));
        Assert.Equal(SpadeError.InvalidArgument, e.Error);
        Assert.Contains("level 2", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_finite_half_survives_widening_and_narrowing()
    {
        Half[] all = [.. Enumerable.Range(0, 65536).Select(i => BitConverter.UInt16BitsToHalf((ushort)i)).Where(Half.IsFinite)];
        var wide = new float[all.Length];
        HalfConversion.Widen(all, wide);
        for (int i = 0; i < all.Length; i++)
            Assert.Equal(BitConverter.SingleToInt32Bits((float)all[i]), BitConverter.SingleToInt32Bits(wide[i]));
        var narrow = new Half[all.Length];
        Assert.True(HalfConversion.TryNarrow(wide, narrow));
        Assert.Equal(all.Select(BitConverter.HalfToUInt16Bits), narrow.Select(BitConverter.HalfToUInt16Bits));
    }

    [Fact]
    public void Narrowing_rounds_as_the_framework_does()
    {
        var random = new Random(7);
        float[] values = [.. Enumerable.Range(0, 5000)
            .Select(_ => (float)((random.NextDouble() - 0.5) * Math.Pow(2, random.Next(-26, 16))))];
        var halves = new Half[values.Length];
        Assert.True(HalfConversion.TryNarrow(values, halves));
        Assert.Equal(values.Select(v => (Half)v), halves);
    }
}
