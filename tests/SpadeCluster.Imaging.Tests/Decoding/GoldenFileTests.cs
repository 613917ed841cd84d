using SixLabors.ImageSharp;
using SixLabors.ImageSharp.Formats.Tiff;
using SixLabors.ImageSharp.Formats.Tiff.Constants;
using SixLabors.ImageSharp.PixelFormats;
using SpadeCluster.Features;

namespace SpadeCluster.Imaging.Tests;

/// <summary>Every kind of file of each format, against pixels that were computed or decoded by other programs.</summary>
public class GoldenFileTests
{
    /// <summary>Files that ImageSharp 2.1.13 decodes wrongly, without end, or with unsafe code.</summary>
    private static readonly string[] RefusedByName =
    [
        "png-grey16-key.png", "png-rgb16-key.png", "bmp-16-555.bmp", "bmp-16-565.bmp", "bmp-32-fields-v4.bmp", "bmp-rle4.bmp",
            "bmp-rle8.bmp",
        "pnm-p1.pbm", "pnm-p2.pgm", "pnm-p2-100.pgm", "pnm-p2-1000.pgm", "pnm-p2-65535.pgm",
        "pnm-p3.ppm", "pnm-p3-100.ppm", "pnm-p3-1000.ppm", "pnm-p3-65535.ppm", "pnm-p4.pbm",
        "pnm-p5-100.pgm", "pnm-p5-1000.pgm", "pnm-p5-65535.pgm", "pnm-p6-100.ppm", "pnm-p6-1000.ppm", "pnm-p6-65535.ppm",
        "tiff-grey1-group4.tif", "tiff-jpeg.tif",
    ];

    private static string[] Refused =>
        [.. RefusedByName, .. GoldenFiles.Names(".png")
            .Where(n => n.Contains("interlaced", StringComparison.Ordinal) || n.StartsWith("png-small", StringComparison.Ordinal))];

    public static TheoryData<string> Lossless => [.. Decoded(".png", ".bmp", ".pbm", ".pgm", ".ppm", ".tif", ".webp")];

    public static TheoryData<string> NotSupported => [.. Refused];

    private static string[] Decoded(params string[] extensions) => [.. GoldenFiles.Names(extensions).Except(Refused)];

    [Theory]
    [MemberData(nameof(Lossless))]
    public void The_size_in_a_header_is_that_of_the_pixels(string name)
    {
        var expected = GoldenFiles.Expected(name);
        var size = ImageReader.ReadSize(File.ReadAllBytes(GoldenFiles.PathOf(name)), name);
        Assert.Equal((expected.Width, expected.Height), size);
    }

    /// <summary>16 bits with alpha are within 1: colour and alpha are rounded to 8 bits before they are multiplied.</summary>
    [Theory]
    [MemberData(nameof(Lossless))]
    public void Lossless_files_decode_to_the_expected_pixels(string name)
    {
        var (expected, actual) = (GoldenFiles.Expected(name), ImageReader.Default.ReadFile(GoldenFiles.PathOf(name)));
        if (name.StartsWith("png-rgba16", StringComparison.Ordinal) || name.StartsWith("png-greyalpha16", StringComparison.Ordinal))
            AssertWithin(1, 1, expected, actual);
        else GoldenFiles.AssertSame(expected, actual);
    }

    /// <summary>
    /// Against libjpeg. The transform in floats is within a step of one in integers: 3 levels once colours are mixed. Halved chroma
    /// ImageSharp repeats where libjpeg interpolates; these pictures are noise, whose chroma jumps from pixel to pixel as no
    /// photograph's does (SharedDataTests compares photographs).
    /// </summary>
    [Theory]
    [InlineData("jpeg-444.jpg", 3, 0.1)]
    [InlineData("jpeg-grey.jpg", 1, 0.1)]
    [InlineData("jpeg-cmyk.jpg", 2, 0.1)]
    [InlineData("jpeg-422.jpg", 80, 12)]
    [InlineData("jpeg-420.jpg", 100, 13)]
    [InlineData("jpeg-progressive.jpg", 110, 13)]
    [InlineData("jpeg-exif-turned.jpg", 100, 13)] // not turned: orientation is ignored
    public void Jpegs_are_close_to_libjpeg(string name, int most, double mean) =>
        AssertWithin(most, mean, GoldenFiles.Expected(name), ImageReader.Default.ReadFile(GoldenFiles.PathOf(name)));

    [Theory]
    [MemberData(nameof(NotSupported))]
    public void What_would_be_read_wrongly_is_refused_with_advice(string name)
    {
        var e = Assert.Throws<SpadeException>(() => ImageReader.Default.Decode(GoldenFiles.Bytes(name), name));
        Assert.Equal(SpadeError.InvalidArgument, e.Error);
        Assert.Contains("not supported",
            e.Message.Replace("only grey, RGB and palette TIFF is supported", "not supported", StringComparison.Ordinal),
            StringComparison.Ordinal);
        Assert.Contains("save it", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Golden_files_are_all_there() =>
        Assert.Equal((52, 16, 18, 7, 16, 3),
            (Count(".png"), Count(".bmp"), Count(".pbm", ".pgm", ".ppm"), Count(".jpg"), Count(".tif"), Count(".webp")));

    [Fact]
    public void Sixteen_bits_round_to_the_nearest_of_eight()
    {
        var samples = new byte[2 * 65536];
        for (int v = 0; v < 65536; v++) (samples[2 * v], samples[2 * v + 1]) = ((byte)(v >> 8), (byte)v);
        var png = ImageReader.Default.Decode(PngBytes.Make(256, 256, 16, 0, samples), "png");
        for (int v = 0; v < 65536; v++) Assert.Equal((int)Math.Round(v * 255 / 65535.0), png.Pixels[3 * v]);
    }

    [Theory]
    [InlineData(TiffCompression.None)]
    [InlineData(TiffCompression.Lzw)]
    [InlineData(TiffCompression.Deflate)]
    [InlineData(TiffCompression.PackBits)]
    public void Tiff_that_ImageSharp_writes_is_read_back(TiffCompression compression)
    {
        var picture = Pictures.Waves(70, 50);
        using var image = Image.LoadPixelData<Rgb24>(picture.Pixels, 70, 50);
        var file = new MemoryStream();
        image.Save(file, new TiffEncoder { Compression = compression, BitsPerPixel = TiffBitsPerPixel.Bit24 });
        GoldenFiles.AssertSame(picture, ImageReader.Default.Decode(file.ToArray(), "tiff"));
    }

    private static int Count(params string[] extensions) => GoldenFiles.Names(extensions).Length;

    internal static void AssertWithin(int most, double mean, RgbImage expected, RgbImage actual)
    {
        Assert.Equal((expected.Width, expected.Height), (actual.Width, actual.Height));
        int[] differences = [.. expected.Pixels.Zip(actual.Pixels, (a, b) => Math.Abs(a - b))];
        Assert.InRange(differences.Max(), 0, most);
        Assert.InRange(differences.Average(), 0, mean);
    }
}
