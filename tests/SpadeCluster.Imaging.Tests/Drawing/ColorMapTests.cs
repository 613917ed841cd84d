namespace SpadeCluster.Imaging.Tests;

public class ColorMapTests
{
    public static TheoryData<string> Maps => new("inferno", "cividis");

    [Theory]
    [MemberData(nameof(Maps))]
    public void Brightness_only_grows(string name)
    {
        var map = Get(name);
        double last = -1;
        for (int i = 0; i <= 255; i++)
        {
            var c = map[i / 255f];
            double luma = 0.2126 * c.R + 0.7152 * c.G + 0.0722 * c.B;
            Assert.True(luma >= last - 0.8, $"{name} darkens at {i}: {last} to {luma}"); // channels are rounded
            last = luma;
        }
    }

    [Theory]
    [MemberData(nameof(Maps))]
    public void Steps_are_small(string name)
    {
        var map = Get(name);
        for (int i = 1; i <= 255; i++)
        {
            var (a, b) = (map[(i - 1) / 255f], map[i / 255f]);
            Assert.InRange(Math.Max(Math.Abs(a.R - b.R), Math.Max(Math.Abs(a.G - b.G), Math.Abs(a.B - b.B))), 0, 4);
        }
    }

    [Fact]
    public void Values_outside_take_the_ends()
    {
        var map = ColorMap.Inferno;
        Assert.Equal(new Rgb(0, 0, 4), map[0]);
        Assert.Equal(map[0], map[-3]);
        Assert.Equal(map[0], map[float.NaN]);
        Assert.Equal(map[0], map[float.NegativeInfinity]);
        Assert.Equal(new Rgb(252, 255, 165), map[1]);
        Assert.Equal(map[1], map[float.PositiveInfinity]);
    }

    private static ColorMap Get(string name) => name == "inferno" ? ColorMap.Inferno : ColorMap.Cividis;
}
