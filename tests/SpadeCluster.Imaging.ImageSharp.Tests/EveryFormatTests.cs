using SixLabors.ImageSharp;
using SixLabors.ImageSharp.Formats;
using SixLabors.ImageSharp.Formats.Bmp;
using SixLabors.ImageSharp.Formats.Jpeg;
using SixLabors.ImageSharp.Formats.Pbm;
using SixLabors.ImageSharp.Formats.Png;
using SixLabors.ImageSharp.PixelFormats;
using SpadeCluster.Features;
using SpadeCluster.Imaging.Tests;
using SharpPng = SixLabors.ImageSharp.Formats.Png.PngEncoder;

namespace SpadeCluster.Imaging.ImageSharp.Tests;

/// <summary>PNG, BMP, PNM and JPEG through ImageSharp against the pixels that Imaging's own decoders give.</summary>
public class EveryFormatTests
{
    private static readonly ImageReader Reader = new(new ImageSharpDecoder(everyFormat: true));

    /// <summary>Files that are refused because ImageSharp 3.1.12 would give other pixels, and what the error says of the cause.</summary>
    private static readonly Dictionary<string, string> Refused = new()
    {
        ["png-small-1x7.png"] = "interlaced PNG files of fewer than 5 pixels a side",
        ["png-small-2x1.png"] = "interlaced PNG files of fewer than 5 pixels a side",
        ["png-small-bits-1x7.png"] = "interlaced PNG files of fewer than 5 pixels a side",
        ["png-small-bits-2x1.png"] = "interlaced PNG files of fewer than 5 pixels a side",
        // These two it would read rightly; no simple rule tells them from the others.
        ["png-small-1x1.png"] = "interlaced PNG files of fewer than 5 pixels a side",
        ["png-small-bits-1x1.png"] = "interlaced PNG files of fewer than 5 pixels a side",
        ["png-small-5x3.png"] = "interlaced PNG files of fewer than 5 pixels a side",
        ["png-small-bits-5x3.png"] = "interlaced PNG files of fewer than 5 pixels a side",
        ["pnm-p1.pbm"] = "misreads plain bitmaps",
        ["pnm-p5-1000.pgm"] = "swaps the bytes",
        ["pnm-p5-65535.pgm"] = "swaps the bytes",
        ["pnm-p6-1000.ppm"] = "swaps the bytes",
        ["pnm-p6-65535.ppm"] = "swaps the bytes",
    };

    /// <summary>Grey levels between ImageSharp and libjpeg where they are more than 2. It repeats halved chroma samples, which
    /// libjpeg interpolates; and it computes colours in floats, which costs a level at whole chroma.</summary>
    private static readonly Dictionary<string, int> JpegDifferences = new()
    {
        ["jpeg-420.jpg"] = 98,
        ["jpeg-progressive.jpg"] = 98, // 4:2:0 too
        ["jpeg-exif-turned.jpg"] = 90, // 4:2:0 too
        ["jpeg-422.jpg"] = 65,
        ["jpeg-444.jpg"] = 3,
    };

    public static TheoryData<string> Lossless => [.. GoldenFiles.Names(".png", ".bmp", ".pbm", ".pgm", ".ppm")];

    public static TheoryData<string> Jpegs => [.. GoldenFiles.Names(".jpg")];

    [Theory]
    [MemberData(nameof(Lossless))]
    public void Lossless_golden_files_are_bit_equal(string name)
    {
        if (!Refused.TryGetValue(name, out string? cause)) GoldenFiles.AssertSame(GoldenFiles.Expected(name), Reader.ReadFile(GoldenFiles.PathOf(name)));
        else Assert.Contains(cause, Assert.Throws<SpadeException>(() => Reader.ReadFile(GoldenFiles.PathOf(name))).Message);
    }

    [Theory]
    [MemberData(nameof(Jpegs))]
    public void Jpegs_are_within_two_grey_levels_of_libjpeg(string name)
    {
        var (expected, actual) = (GoldenFiles.Expected(name), Reader.ReadFile(GoldenFiles.PathOf(name)));
        Assert.Equal((expected.Width, expected.Height), (actual.Width, actual.Height));
        Assert.InRange(expected.Pixels.Zip(actual.Pixels, (a, b) => Math.Abs(a - b)).Max(), 0, JpegDifferences.GetValueOrDefault(name, 2));
    }

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
        ["bmp 16"] = (new BmpEncoder { BitsPerPixel = BmpBitsPerPixel.Pixel16 }, typeof(Rgb24)),
        ["bmp 8"] = (new BmpEncoder { BitsPerPixel = BmpBitsPerPixel.Pixel8 }, typeof(L8)),
        ["pbm raw"] = (new PbmEncoder { ColorType = PbmColorType.BlackAndWhite, Encoding = PbmEncoding.Binary }, typeof(L8)),
        ["pgm raw"] = (new PbmEncoder { ColorType = PbmColorType.Grayscale, Encoding = PbmEncoding.Binary }, typeof(L8)),
        ["pgm plain"] = (new PbmEncoder { ColorType = PbmColorType.Grayscale, Encoding = PbmEncoding.Plain }, typeof(L8)),
        ["pgm plain 16"] = (new PbmEncoder { ColorType = PbmColorType.Grayscale, Encoding = PbmEncoding.Plain, ComponentType = PbmComponentType.Short }, typeof(L16)),
        ["ppm raw"] = (new PbmEncoder { ColorType = PbmColorType.Rgb, Encoding = PbmEncoding.Binary }, typeof(Rgb24)),
        ["ppm plain"] = (new PbmEncoder { ColorType = PbmColorType.Rgb, Encoding = PbmEncoding.Plain }, typeof(Rgb24)),
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
    public void A_raw_PNM_whose_first_sample_looks_like_white_space_or_a_comment_is_refused()
    {
        foreach (byte sample in " #\t\r\n"u8)
            Assert.Contains("as part of the header", Assert.Throws<SpadeException>(() => Reader.Decode([.. "P5 2 1 255\n"u8, sample, 7], "pgm")).Message);
        Assert.Equal(7, Reader.Decode([.. "P5 2 1 255\n"u8, 12, 7], "pgm").Pixels[3]);
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

    [JpegTheory]
    [InlineData(JpegEncodingColor.YCbCrRatio444, 3)]
    [InlineData(JpegEncodingColor.Luminance, 2)]
    public void Random_jpegs_with_whole_chroma_or_none_are_as_close(JpegEncodingColor color, int levels)
    {
        var random = new Random(3);
        int most = 0;
        for (int i = 0; i < 20; i++)
        {
            using var image = Filled<Rgb24>(random.Next(8, 60), random.Next(8, 60), random);
            using var stream = new MemoryStream();
            image.Save(stream, new JpegEncoder { ColorType = color, Quality = random.Next(50, 98) });
            var (own, other) = (ImageReader.Default.Decode(stream.ToArray(), "own"), Reader.Decode(stream.ToArray(), "other"));
            most = Math.Max(most, own.Pixels.Zip(other.Pixels, (a, b) => Math.Abs(a - b)).Max());
        }
        Assert.InRange(most, 0, levels);
    }

    [Theory]
    [InlineData("png-rgb8.png")]
    [InlineData("bmp-24.bmp")]
    [InlineData("pnm-p6.ppm")]
    [InlineData("pnm-p4.pbm")]
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
