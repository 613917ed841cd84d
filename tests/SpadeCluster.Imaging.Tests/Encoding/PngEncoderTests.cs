using FsCheck;
using FsCheck.Fluent;
using SpadeCluster.Features;

namespace SpadeCluster.Imaging.Tests;

public class PngEncoderTests
{
    /// <summary>Noise, waves, flat: each makes another filter win.</summary>
    private static Arbitrary<RgbImage> Images { get; } =
        (from width in Gen.Choose(1, 70)
         from height in Gen.Choose(1, 50)
         from kind in Gen.Choose(0, 2)
         from seed in Gen.Choose(0, 1 << 20)
         select kind switch
         {
             0 => Pictures.Noise(new Random(seed), width, height),
             1 => Pictures.Waves(width, height),
             _ =>
             new RgbImage(width, height)
         }).ToArbitrary();

    [Fact]
    public void What_was_written_is_read_back() =>
        Prop.ForAll(Images, image =>
        {
            var read = ImageReader.Default.Decode(PngEncoder.Encode(image), "round trip");
            return read.Width == image.Width && read.Height == image.Height && read.Pixels.AsSpan().SequenceEqual(image.Pixels);
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Grey_and_masks_are_read_back()
    {
        var random = new Random(9);
        var grey = new byte[31 * 17];
        random.NextBytes(grey);
        var stream = new MemoryStream();
        PngEncoder.WriteGrey(stream, grey, 31, 17);
        Assert.Equal(grey.SelectMany(g => new[] { g, g, g }), ImageReader.Default.Decode(stream.ToArray(), "grey").Pixels);

        bool[] mask = [.. grey.Select(g => g > 99)];
        stream = new MemoryStream();
        PngEncoder.WriteMask(stream, mask, 31, 17);
        Assert.Equal(mask.SelectMany(m => Enumerable.Repeat((byte)(m ? 255 : 0), 3)),
            ImageReader.Default.Decode(stream.ToArray(), "mask").Pixels);
    }

    [Fact]
    public void Smooth_pictures_become_much_smaller()
    {
        var image = Pictures.Waves(400, 300);
        Assert.InRange(PngEncoder.Encode(image).Length, 1, image.Pixels.Length / 2);
    }

    [Fact]
    public void Files_are_written_or_the_error_names_them()
    {
        var folder = Directory.CreateTempSubdirectory("spade-png-");
        try
        {
            string path = Path.Combine(folder.FullName, "a.png");
            var image = Pictures.Waves(20, 10);
            PngEncoder.WriteFile(path, image);
            GoldenFiles.AssertSame(image, ImageReader.Default.ReadFile(path));
            PngEncoder.WriteMaskFile(path, new bool[6], 3, 2);
            Assert.Equal(new byte[18], ImageReader.Default.ReadFile(path).Pixels);

            string missing = Path.Combine(folder.FullName, "none", "a.png");
            var e = Assert.Throws<SpadeException>(() => PngEncoder.WriteFile(missing, image));
            Assert.Equal(SpadeError.InvalidArgument, e.Error);
            Assert.StartsWith(missing + ": cannot be created", e.Message);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
