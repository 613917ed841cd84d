using System.Globalization;
using FsCheck;
using FsCheck.Fluent;
using SpadeCluster.Features;

namespace SpadeCluster.Imaging.Tests;

public class ResamplerTests
{
    public static TheoryData<string> Triangle => [.. GoldenFiles.ExpectedNames("resample-").Where(n => n.Split('-').Length == 3)];

    public static TheoryData<string> Nearest => [.. GoldenFiles.ExpectedNames("nearest-")];

    [Theory]
    [MemberData(nameof(Triangle))]
    public void Resize_equals_Pillow_bilinear(string name)
    {
        var (source, width, height) = Case(name);
        GoldenFiles.AssertSame(GoldenFiles.Expected(name), Resampler.Resize(source, width, height));
    }

    [Theory]
    [MemberData(nameof(Nearest))]
    public void ResizeNearest_equals_Pillow_nearest(string name)
    {
        var (source, width, height) = Case(name);
        GoldenFiles.AssertSame(GoldenFiles.Expected(name), Resampler.ResizeNearest(source, width, height));
    }

    [Fact]
    public void Every_kernel_computes_the_same()
    {
        // Random sizes reach every remainder of the vector loops; random bytes every pixel value.
        var random = new Random(3);
        for (int run = 0; run < 150; run++)
        {
            var image = Pictures.Noise(random, random.Next(1, 140), random.Next(1, 70));
            int width = random.Next(1, 150), height = random.Next(1, 90);
            var across = Resampler.ResizeAcross(PixelRows.Of(image), width, Resampler.Kernel.Scalar);
            var down = Resampler.ResizeDown(image, height, Resampler.Kernel.Scalar);
            foreach (var kernel in Enum.GetValues<Resampler.Kernel>())
            {
                GoldenFiles.AssertSame(across, Resampler.ResizeAcross(PixelRows.Of(image), width, kernel));
                GoldenFiles.AssertSame(down, Resampler.ResizeDown(image, height, kernel));
            }
        }
    }

    [Fact]
    public void Flat_images_stay_flat() =>
        Prop.ForAll(Sizes, s =>
        {
            var image = new RgbImage(s.Item1, s.Item2);
            image.Pixels.AsSpan().Fill(255);
            return Resampler.Resize(image, s.Item3, s.Item4).Pixels.All(p => p == 255);
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Shrinking_keeps_the_mean_brightness()
    {
        var image = Pictures.Noise(new Random(5), 640, 480);
        double mean = image.Pixels.Average(p => (double)p);
        Assert.Equal(mean, Resampler.Resize(image, 40, 30).Pixels.Average(p => (double)p), 0.5);
    }

    [Fact]
    public void Crop_takes_exactly_the_box_and_refuses_one_outside()
    {
        var image = Pictures.Noise(new Random(1), 7, 5);
        var part = Resampler.Crop(image, new(2, 1, 3, 4));
        for (int y = 0; y < 4; y++)
            Assert.Equal(image.Pixels.AsSpan(3 * ((y + 1) * 7 + 2), 9), part.Pixels.AsSpan(9 * y, 9));
        Assert.Throws<ArgumentOutOfRangeException>(() => Resampler.Crop(image, new(5, 0, 3, 1)));
        Assert.Throws<ArgumentOutOfRangeException>(() => Resampler.Crop(image, new(-1, 0, 3, 1)));
    }

    [Theory]
    [InlineData(50, 40, 20, 40, 30, 20, 20)] // in the middle
    [InlineData(0, 0, 20, 0, 0, 20, 20)] // moved in from the left upper corner
    [InlineData(99, 79, 20, 80, 60, 20, 20)] // and from the right lower one
    [InlineData(50, 40, 300, 0, 0, 100, 80)] // larger than the image
    public void Patches_are_moved_into_the_image(int x, int y, int size, int left, int top, int width, int height) =>
        Assert.Equal(new PixelBox(left, top, width, height), PixelBox.Around(x, y, size).Clamp(100, 80));

    [Fact]
    public void Enlarge_makes_squares()
    {
        var image = new RgbImage(2, 1, [1, 2, 3, 4, 5, 6]);
        GoldenFiles.AssertSame(new RgbImage(4, 2, [1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6, 1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6]),
            Resampler.Enlarge(image, 2));
    }

    private static Arbitrary<(int, int, int, int)> Sizes { get; } =
        (from a in Gen.Choose(1, 60)
         from b in Gen.Choose(1, 60)
         from c in Gen.Choose(1, 90)
         from d in Gen.Choose(1, 90)
         select (a, b, c, d))
        .ToArbitrary();

    private static (RgbImage Source, int Width, int Height) Case(string name)
    {
        string[] parts = name.Split('-');
        int[] size = [.. parts[2].Split('x').Select(s => int.Parse(s, CultureInfo.InvariantCulture))];
        return (GoldenFiles.Expected($"resample-{parts[1]}"), size[0], size[1]);
    }
}
