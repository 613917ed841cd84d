using SpadeCluster.Features;

namespace SpadeCluster.Core.Tests.Features;

/// <summary>The vector path against the runtime's own conversion, value by value.</summary>
public class HalfConversionTests
{
    [Fact]
    public void Narrowing_rounds_as_the_runtime_does_at_every_half_and_between()
    {
        var values = new List<float>();
        for (ushort bits = 0; bits < 0x7BFF; bits++)
        {
            float low = (float)BitConverter.UInt16BitsToHalf(bits), high = (float)BitConverter.UInt16BitsToHalf((ushort)(bits + 1)),
                middle = (low + high) / 2;
            values.AddRange([low, MathF.BitIncrement(low), MathF.BitDecrement(middle), middle, MathF.BitIncrement(middle), -low, -middle,
                -MathF.BitIncrement(middle)]);
        }
        values.AddRange([65504, 65519.996f, -65504, float.Epsilon, -float.Epsilon, 0f, -0f]);
        var actual = new Half[values.Count];
        Assert.True(HalfConversion.TryNarrow(values.ToArray(), actual));
        for (int i = 0; i < actual.Length; i++)
            Assert.True(BitConverter.HalfToUInt16Bits((Half)values[i]) == BitConverter.HalfToUInt16Bits(actual[i]),
                $"{values[i]:R} became {actual[i]}");
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    [InlineData(65520f)]
    [InlineData(-3e38f)]
    public void What_no_half_can_hold_is_refused_wherever_it_stands(float bad)
    {
        for (int at = 0; at < 37; at++)
        {
            var values = new float[37];
            values[at] = bad;
            Assert.False(HalfConversion.TryNarrow(values, new Half[37]));
        }
    }
}
