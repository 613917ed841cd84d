using SixLabors.ImageSharp;
using SixLabors.ImageSharp.Formats;
using SixLabors.ImageSharp.Formats.Bmp;
using SixLabors.ImageSharp.Formats.Jpeg;
using SixLabors.ImageSharp.Formats.Pbm;
using SixLabors.ImageSharp.Formats.Png;
using SixLabors.ImageSharp.PixelFormats;
using SpadeCluster.Features;
using SpadeCluster.Imaging.Tests;
using SpadeCluster.Tests;
using SharpPng = SixLabors.ImageSharp.Formats.Png.PngEncoder;

namespace SpadeCluster.Imaging.Tests;

/// <summary>PNG, BMP, PNM and JPEG through ImageSharp against the pixels that Imaging's own decoders give.</summary>
public class EveryFormatTests
{
    private static readonly ImageReader Reader = new(new ImageSharpDecoder());

    /// <summary>Files that are left to Imaging's own decoders because ImageSharp 3.1.12 would give other pixels: interlaced PNG
    /// of fewer than 5 pixels a side (two of these it would read rightly; no simple rule tells them from the others), transparent
    /// colours of 16 bits, bit fields of other than 8 bits, plain samples, maxima other than 255.</summary>
    private static readonly string[] LeftToOthers =
    [
        "png-small-1x1.png", "png-small-1x7.png", "png-small-2x1.png", "png-small-5x3.png",
        "png-small-bits-1x1.png", "png-small-bits-1x7.png", "png-small-bits-2x1.png", "png-small-bits-5x3.png",
        "png-grey16-key.png", "png-rgb16-key.png", "bmp-16-555.bmp", "bmp-16-565.bmp", "bmp-32-fields-v4.bmp",
        "pnm-p1.pbm", "pnm-p2.pgm", "pnm-p2-100.pgm", "pnm-p2-1000.pgm", "pnm-p2-65535.pgm",
        "pnm-p3.ppm", "pnm-p3-100.ppm", "pnm-p3-1000.ppm", "pnm-p3-65535.ppm",
        "pnm-p5-100.pgm", "pnm-p5-1000.pgm", "pnm-p5-65535.pgm", "pnm-p6-100.ppm", "pnm-p6-1000.ppm", "pnm-p6-65535.ppm",
    ];

    public static TheoryData<string> Lossless => [.. GoldenFiles.Names(".png", ".bmp", ".pbm", ".pgm", ".ppm")];

    public static TheoryData<string> Jpegs => [.. GoldenFiles.Names(".jpg")];

    [Theory]
    [MemberData(nameof(Lossless))]
    public void Lossless_golden_files_are_bit_equal(string name)
    {
        Assert.Equal(!LeftToOthers.Contains(name), new ImageSharpDecoder().CanDecode(GoldenFiles.Bytes(name)));
        GoldenFiles.AssertSame(GoldenFiles.Expected(name), ImageReader.Default.ReadFile(GoldenFiles.PathOf(name)));
    }

    [Theory]
    [MemberData(nameof(Jpegs))]
    public void Jpegs_are_within_two_grey_levels_of_libjpeg(string name)
    {
        var (expected, actual) = (GoldenFiles.Expected(name), Reader.ReadFile(GoldenFiles.PathOf(name)));
        Assert.Equal((expected.Width, expected.Height), (actual.Width, actual.Height));
        AssertClose(expected, actual);
    }

    /// <summary>Grey values within 2. libjpeg transforms in integers and ImageSharp in floats, so components differ by 1 now
    /// and then; a colour is up to 2.77 of them apart.</summary>
    private static void AssertClose(RgbImage expected, RgbImage actual)
    {
        Assert.Equal((expected.Width, expected.Height), (actual.Width, actual.Height));
        Assert.InRange(Most(expected, actual), 0, 3);
        for (int i = 0; i < expected.Pixels.Length; i += 3) Assert.InRange(Math.Abs(Grey(expected, i) - Grey(actual, i)), 0, 2);
    }

    private static int Most(RgbImage a, RgbImage b)
    {
        int most = 0;
        for (int i = 0; i < a.Pixels.Length; i++) most = Math.Max(most, Math.Abs(a.Pixels[i] - b.Pixels[i]));
        return most;
    }

    private static double Grey(RgbImage image, int at) => (0.299 * image.Pixels[at]) + (0.587 * image.Pixels[at + 1]) + (0.114 * image.Pixels[at + 2]);

    public static TheoryData<string> Kinds => [.. Encoders.Keys];

    private static readonly Dictionary<string, (IImageEncoder Encoder, Type Pixel)> Encoders = new()
    {
        ["png rgb8"] = (new SharpPng { ColorType = PngColorType.Rgb, BitDepth = PngBitDepth.Bit8 }, typeof(Rgb24)),
        ["png rgb16"] = (new SharpPng { ColorType = PngColorType.Rgb, BitDepth = PngBitDepth.Bit16 }, typeof(Rgb48)),
        ["png rgba8"] = (new SharpPng { ColorType = PngColorType.RgbWithAlpha, BitDepth = PngBitDepth.Bit8, TransparentColorMode = PngTransparentColorMode.Preserve }, typeof(Rgba32)),
        ["png rgba16"] = (new SharpPng { ColorType = PngColorType.RgbWithAlpha, BitDepth = PngBitDepth.Bit16, TransparentColorMode = PngTransparentColorMode.Preserve }, typeof(Rgba64)),
        ["png rgb8 interlaced"] = (new SharpPng { ColorType = PngColorType.Rgb, BitDepth = PngBitDepth.Bit8, InterlaceMethod = PngInterlaceMode.Adam7 }, typeof(Rgb24)),
        ["png grey8"] = (new SharpPng { ColorType = PngColorType.Grayscale, BitDepth = PngBitDepth.Bit8 }, typeof(L8)),
        ["png grey16"] = (new SharpPng { ColorType = PngColorType.Grayscale, BitDepth = PngBitDepth.Bit16 }, typeof(L16)),
        ["png grey-alpha16"] = (new SharpPng { ColorType = PngColorType.GrayscaleWithAlpha, BitDepth = PngBitDepth.Bit16 }, typeof(La32)),
        ["png palette"] = (new SharpPng { ColorType = PngColorType.Palette, BitDepth = PngBitDepth.Bit8 }, typeof(Rgb24)),
        ["bmp 24"] = (new BmpEncoder { BitsPerPixel = BmpBitsPerPixel.Pixel24 }, typeof(Rgb24)),
        ["bmp 32 with alpha"] = (new BmpEncoder { BitsPerPixel = BmpBitsPerPixel.Pixel32, SupportTransparency = true }, typeof(Rgba32)),
        ["bmp 8"] = (new BmpEncoder { BitsPerPixel = BmpBitsPerPixel.Pixel8 }, typeof(L8)),
        ["pbm raw"] = (new PbmEncoder { ColorType = PbmColorType.BlackAndWhite, Encoding = PbmEncoding.Binary }, typeof(L8)),
        ["pgm raw"] = (new PbmEncoder { ColorType = PbmColorType.Grayscale, Encoding = PbmEncoding.Binary }, typeof(L8)),
        ["ppm raw"] = (new PbmEncoder { ColorType = PbmColorType.Rgb, Encoding = PbmEncoding.Binary }, typeof(Rgb24)),
    };

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Random_images_decode_to_the_same_pixels_in_both_decoders(string kind)
    {
        var random = new Random(kind.Length);
        for (int i = 0; i < 25; i++)
        {
            byte[] file = Random(kind, random);
            GoldenFiles.AssertSame(ImageReader.Default.Decode(file, kind), Reader.Decode(file, kind));
        }
    }

    [Fact]
    public void A_raw_PNM_whose_first_sample_looks_like_white_space_or_a_comment_is_left_to_others()
    {
        foreach (byte sample in " #\t\r\n"u8)
        {
            byte[] file = [.. "P5 2 1 255\n"u8, sample, 7];
            Assert.False(new ImageSharpDecoder().CanDecode(file));
            Assert.Equal([sample, sample, sample, 7, 7, 7], ImageReader.Default.Decode(file, "pgm").Pixels);
        }
        Assert.Equal(7, Reader.Decode([.. "P5 2 1 255\n"u8, 12, 7], "pgm").Pixels[3]);
    }

    [Fact]
    public void The_environment_chooses_who_comes_first()
    {
        byte[] jpeg = GoldenFiles.Bytes("jpeg-444.jpg");
        Assert.Equal(Reader.Decode(jpeg, "x").Pixels, ImageFormats.From(null).Decode(jpeg, "x").Pixels);
        if (JpegDecoder.IsAvailable) Assert.Equal(ImageReader.Default.Decode(jpeg, "x").Pixels, ImageFormats.From("own").Decode(jpeg, "x").Pixels);
        Assert.NotEmpty(ImageFormats.From("own").Decode(GoldenFiles.Bytes("webp-lossless.webp"), "x").Pixels);
        Assert.Contains("'gdi'; it can be", Assert.Throws<SpadeException>(() => ImageFormats.From("gdi")).Message);
    }

    private static byte[] Random(string kind, Random random)
    {
        var (encoder, pixel) = Encoders[kind];
        int width = random.Next(5, 70), height = random.Next(5, 50);
        using Image image =
            pixel == typeof(L8) ? Filled<L8>(width, height, random) : pixel == typeof(L16) ? Filled<L16>(width, height, random) : pixel == typeof(La32) ? Filled<La32>(width, height, random)
            : pixel == typeof(Rgb24) ? Filled<Rgb24>(width, height, random) : pixel == typeof(Rgb48) ? Filled<Rgb48>(width, height, random)
            : pixel == typeof(Rgba32) ? Filled<Rgba32>(width, height, random) : Filled<Rgba64>(width, height, random);
        using var stream = new MemoryStream();
        image.Save(stream, encoder);
        return stream.ToArray();
    }

    private static Image<TPixel> Filled<TPixel>(int width, int height, Random random) where TPixel : unmanaged, IPixel<TPixel>
    {
        var bytes = new byte[width * height * System.Runtime.CompilerServices.Unsafe.SizeOf<TPixel>()];
        random.NextBytes(bytes);
        bytes[0] = 200; // not white space: see below
        return Image.LoadPixelData<TPixel>(bytes, width, height);
    }

    /// <summary>Noise, whose chroma jumps from pixel to pixel as no photograph's does.</summary>
    [JpegTheory]
    [InlineData(JpegEncodingColor.YCbCrRatio444)]
    [InlineData(JpegEncodingColor.YCbCrRatio422)]
    [InlineData(JpegEncodingColor.YCbCrRatio420)]
    [InlineData(JpegEncodingColor.YCbCrRatio411)]
    [InlineData(JpegEncodingColor.Luminance)]
    [InlineData(JpegEncodingColor.Rgb)]
    public void Random_jpegs_are_as_close(JpegEncodingColor color)
    {
        var random = new Random(3);
        for (int i = 0; i < 40; i++)
        {
            using var image = Filled<Rgb24>(random.Next(1, 60), random.Next(1, 60), random);
            using var stream = new MemoryStream();
            image.Save(stream, new JpegEncoder { ColorType = color, Quality = random.Next(50, 98) });
            AssertClose(ImageReader.Default.Decode(stream.ToArray(), "own"), Reader.Decode(stream.ToArray(), "other"));
        }
    }

    /// <summary>Halved lines alone, which no encoder at hand writes: a 4:2:2 file of 45x35 pixels said to be 4:4:0 of 35x45,
    /// which takes as many blocks. Another picture, but both decoders must see the same one.</summary>
    [JpegFact]
    public void Lines_alone_may_be_halved()
    {
        byte[] data = [.. GoldenFiles.Bytes("jpeg-422.jpg")];
        var frame = data.AsSpan(data.AsSpan().IndexOf((ReadOnlySpan<byte>)[0xFF, 0xC0]));
        Assert.Equal([35, 45, 0x21], new[] { frame[6], frame[8], frame[11] });
        (frame[6], frame[8], frame[11]) = (45, 35, 0x12);
        AssertClose(ImageReader.Default.Decode(data, "own"), Reader.Decode(data, "other"));
    }

    /// <summary>What the network sees of a photograph.</summary>
    [SharedJpegFact]
    public void Photographs_are_within_two_grey_levels_once_prepared()
    {
        var geometry = Preprocessing.Stretch(224, 224);
        int most = 0;
        foreach (string path in Directory.EnumerateFiles(SharedData.Path("data/cookie"), "*.jpg", SearchOption.AllDirectories))
        {
            var (own, other) = (ImageReader.Default.ReadFile(path), Reader.ReadFile(path));
            AssertClose(own, other);
            most = Math.Max(most, Most(geometry.Apply(own), geometry.Apply(other)));
        }
        Assert.InRange(most, 0, 2);
    }

    [Theory]
    [InlineData("png-rgb8.png")]
    [InlineData("bmp-24.bmp")]
    [InlineData("pnm-p6.ppm")]
    [InlineData("pnm-p4.pbm")]
    [InlineData("jpeg-420.jpg")]
    [InlineData("jpeg-progressive.jpg")]
    public void Every_truncation_is_an_error(string name)
    {
        byte[] whole = GoldenFiles.Bytes(name);
        for (int length = 0; length < whole.Length; length++)
            Assert.Equal(SpadeError.InvalidArgument, Assert.Throws<SpadeException>(() => Reader.Decode(whole.AsSpan(0, length), name)).Error);
    }

    [Fact]
    public void Limits_hold_for_every_format()
    {
        foreach (string name in new[] { "png-rgb8.png", "bmp-24.bmp", "pnm-p6.ppm", "jpeg-444.jpg" })
            Assert.Equal(SpadeError.ResourceExhausted, Assert.Throws<SpadeException>(() => Reader.Decode(GoldenFiles.Bytes(name), name, new(MaxPixels: 50))).Error);
    }
}
