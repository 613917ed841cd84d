using SpadeCluster.Features;

namespace SpadeCluster.Imaging.Tests;

public class OverlayTests
{
    private static readonly Rgb Red = new(255, 0, 0);

    [Fact]
    public void Opacity_runs_from_the_image_to_the_map()
    {
        var image = Pictures.Noise(new Random(8), 9, 5);
        float[] map = [.. Enumerable.Range(0, 45).Select(i => i / 44f)];
        GoldenFiles.AssertSame(image, Overlay.Blend(image, map, ColorMap.Cividis, 0));
        GoldenFiles.AssertSame(Overlay.Render(map, 9, 5, ColorMap.Cividis), Overlay.Blend(image, map, ColorMap.Cividis, 1));
        var half = Overlay.Blend(image, map, ColorMap.Cividis, 0.5f);
        var color = ColorMap.Cividis[map[13]];
        Assert.Equal((image.Pixels[39] + color.R) / 2.0, half.Pixels[39], 0.5);
        Assert.Throws<ArgumentOutOfRangeException>(() => Overlay.Blend(image, map.AsSpan(1), ColorMap.Cividis));
        Assert.Throws<ArgumentOutOfRangeException>(() => Overlay.Blend(image, map, ColorMap.Cividis, 1.1f));
    }

    [Fact]
    public void Heat_leaves_the_image_where_it_is_0_and_covers_it_more_the_higher_it_is()
    {
        var image = new RgbImage(3, 1);
        var heat = Overlay.Heat(image, [0, 0.25f, 1], ColorMap.Inferno);
        Assert.Equal([0, 0, 0], heat.Pixels[..3]);
        var top = ColorMap.Inferno[1];
        Assert.Equal(0.85 * top.R, heat.Pixels[6], 1.0);
        Assert.Equal(0.85 * 0.5 * ColorMap.Inferno[0.475f].R, heat.Pixels[3], 1.0);
        Assert.Throws<ArgumentOutOfRangeException>(() => Overlay.Heat(image, [0, 1], ColorMap.Inferno));
    }

    [Theory]
    [InlineData(1, """
        . . . . . . .
        . R R R R R .
        . R o o o R .
        . R o o o R .
        . R o o o R .
        . R R R R R .
        . . . . . . .
        """)]
    [InlineData(2, """
        . . . . . . .
        . R R R R R .
        . R R R R R .
        . R R o R R .
        . R R R R R .
        . R R R R R .
        . . . . . . .
        """)]
    public void Outline_is_the_masks_inner_border(int thickness, string expected)
    {
        var mask = new bool[49];
        for (int y = 1; y < 6; y++)
            mask.AsSpan(7 * y + 1, 5).Fill(true);
        var outlined = Overlay.Outline(new RgbImage(7, 7), mask, Red, thickness);
        Assert.Equal(expected.Where(c => c is '.' or 'o' or 'R').Select(c => c == 'R'), outlined.Pixels.Chunk(3).Select(p => p[0] == 255));
    }

    [Fact]
    public void Outline_closes_at_the_images_border_and_leaves_the_input_alone()
    {
        var image = new RgbImage(3, 3);
        var outlined = Overlay.Outline(image, Enumerable.Repeat(true, 9).ToArray(), Red);
        Assert.Equal([true, true, true, true, false, true, true, true, true], outlined.Pixels.Chunk(3).Select(p => p[0] == 255));
        Assert.All(image.Pixels, p => Assert.Equal(0, p));
    }

    [Fact]
    public void Side_by_side_keeps_every_pixel()
    {
        var (a, b) = (Pictures.Noise(new Random(1), 4, 3), Pictures.Noise(new Random(2), 2, 5));
        var panel = Overlay.SideBySide([a, b], gap: 1, new Rgb(7, 7, 7));
        Assert.Equal((7, 5), (panel.Width, panel.Height));
        GoldenFiles.AssertSame(a, Resampler.Crop(panel, new(0, 0, 4, 3)));
        GoldenFiles.AssertSame(b, Resampler.Crop(panel, new(5, 0, 2, 5)));
        Assert.All(Resampler.Crop(panel, new(4, 0, 1, 5)).Pixels, p => Assert.Equal(7, p));
        Assert.All(Resampler.Crop(panel, new(0, 3, 5, 2)).Pixels, p => Assert.Equal(7, p));
    }
}
