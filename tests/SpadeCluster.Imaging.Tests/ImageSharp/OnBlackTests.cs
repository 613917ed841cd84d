using System.Numerics;
using FsCheck;
using FsCheck.Fluent;
using SixLabors.ImageSharp;
using SixLabors.ImageSharp.Formats;
using SixLabors.ImageSharp.Formats.Jpeg;
using SixLabors.ImageSharp.Formats.Png;
using SixLabors.ImageSharp.Formats.Tiff;
using SixLabors.ImageSharp.Formats.Tiff.Constants;
using SixLabors.ImageSharp.Formats.Webp;
using SixLabors.ImageSharp.Memory;
using SixLabors.ImageSharp.PixelFormats;
using SpadeCluster.Features;
using SpadeCluster.Imaging.Tests;
using SharpPng = SixLabors.ImageSharp.Formats.Png.PngEncoder;

namespace SpadeCluster.Imaging.Tests;

/// <summary>Decoding to three bytes a pixel against the long way round: 16-bit RGBA, then alpha and rounding.</summary>
public class OnBlackTests
{
    private static readonly ImageReader Reader = new(new ImageSharpDecoder());

    private static (byte R, byte G, byte B) TheLongWay(Rgba64 p)
    {
        return (Channel(p.R), Channel(p.G), Channel(p.B));
        byte Channel(int value) => (byte)Math.Floor(((decimal)value * p.A * 255 / (65535L * 65535)) + 0.5m);
    }

    private static void AssertSame<T>(T source) where T : unmanaged, IPixel<T>
    {
        Rgba64 wide = default;
        wide.FromScaledVector4(source.ToScaledVector4());
        OnBlack pixel = default;
        switch (source)
        {
            case Rgba32 p: pixel.FromRgba32(p); break;
            case Argb32 p: pixel.FromArgb32(p); break;
            case Abgr32 p: pixel.FromAbgr32(p); break;
            case Bgra32 p: pixel.FromBgra32(p); break;
            case Rgb24 p: pixel.FromRgb24(p); break;
            case Bgr24 p: pixel.FromBgr24(p); break;
            case L8 p: pixel.FromL8(p); break;
            case La16 p: pixel.FromLa16(p); break;
            case L16 p: pixel.FromL16(p); break;
            case La32 p: pixel.FromLa32(p); break;
            case Rgb48 p: pixel.FromRgb48(p); break;
            case Rgba64 p: pixel.FromRgba64(p); break;
            case Bgra5551 p: pixel.FromBgra5551(p); break;
            default: Assert.Fail($"no case for {typeof(T).Name}"); break;
        }
        Assert.Equal(TheLongWay(wide), (pixel.R, pixel.G, pixel.B));
    }

    [Fact]
    public void All_8_bit_values_under_all_alphas_are_as_the_long_way_round()
    {
        for (int v = 0; v < 256; v++)
            for (int a = 0; a < 256; a++)
            {
                byte r = (byte)v, g = (byte)(255 - v), b = (byte)(v ^ 85), alpha = (byte)a;
                AssertSame(new Rgba32(r, g, b, alpha));
                AssertSame(new Argb32(r, g, b, alpha));
                AssertSame(new Abgr32(r, g, b, alpha));
                AssertSame(new Bgra32(r, g, b, alpha));
                AssertSame(new La16(r, alpha));
                AssertSame(new Rgb24(r, g, alpha));
                AssertSame(new Bgr24(r, g, alpha));
                AssertSame(new L8(r));
                AssertSame(new Bgra5551 { PackedValue = (ushort)((v << 8) | a) });
            }
    }

    [Fact]
    public void All_16_bit_values_are_as_the_long_way_round()
    {
        for (int v = 0; v < 65536; v++)
        {
            ushort r = (ushort)v, g = (ushort)(65535 - v), b = (ushort)(v ^ 21845), alpha = (ushort)(v * 40503);
            AssertSame(new L16(r));
            AssertSame(new Rgb48(r, g, b));
            AssertSame(new La32(r, alpha));
            AssertSame(new Rgba64(r, g, b, alpha));
        }
    }

    /// <summary>What TIFF's floats, inks and odd sample widths come as; also beyond 0 to 1.</summary>
    [Fact]
    public void Floats_are_as_the_long_way_round() => Prop.ForAll(ArbMap.Default.ArbFor<(int, int, int, int)>(), v =>
    {
        var (r, g, b, a) = v;
        var vector = new Vector4(r, g, b, a) / 37;
        vector -= new Vector4(MathF.Floor(vector.X), 0, 0, MathF.Floor(vector.W));
        Rgba64 wide = default;
        wide.FromScaledVector4(vector);
        OnBlack pixel = default;
        pixel.FromScaledVector4(vector);
        return TheLongWay(wide) == (pixel.R, pixel.G, pixel.B);
    }).QuickCheckThrowOnFailure();

    public static TheoryData<string> Files => [.. GoldenFiles.Names(".png", ".tif", ".webp").Where(n => !n.Contains("key"))];

    [Theory]
    [MemberData(nameof(Files))]
    public void Golden_files_are_as_the_long_way_round(string name)
    {
        byte[] data = GoldenFiles.Bytes(name);
        if (new ImageSharpDecoder().CanDecode(data)) AssertAsTheLongWay(data, name);
    }

    private delegate Image Load(ReadOnlySpan<byte> pixels, int width, int height);

    public static TheoryData<string> Kinds => [.. Encoders.Keys];

    private static readonly Dictionary<string, (IImageEncoder Encoder, Load Image)> Encoders = new()
    {
        ["png grey8"] = (new SharpPng { ColorType = PngColorType.Grayscale, BitDepth = PngBitDepth.Bit8 }, Image.LoadPixelData<L8>),
        ["png grey16"] = (new SharpPng { ColorType = PngColorType.Grayscale, BitDepth = PngBitDepth.Bit16 }, Image.LoadPixelData<L16>),
        ["png grey-alpha8"] = (new SharpPng { ColorType = PngColorType.GrayscaleWithAlpha, BitDepth = PngBitDepth.Bit8 }, Image.LoadPixelData<La16>),
        ["png rgb8"] = (new SharpPng { ColorType = PngColorType.Rgb, BitDepth = PngBitDepth.Bit8 }, Image.LoadPixelData<Rgb24>),
        ["png rgba8"] = (new SharpPng { ColorType = PngColorType.RgbWithAlpha, BitDepth = PngBitDepth.Bit8, TransparentColorMode = PngTransparentColorMode.Preserve }, Image.LoadPixelData<Rgba32>),
        ["png rgba16"] = (new SharpPng { ColorType = PngColorType.RgbWithAlpha, BitDepth = PngBitDepth.Bit16, TransparentColorMode = PngTransparentColorMode.Preserve }, Image.LoadPixelData<Rgba64>),
        ["png palette with alpha"] = (new SharpPng { ColorType = PngColorType.Palette, BitDepth = PngBitDepth.Bit8 }, Image.LoadPixelData<Rgba32>),
        ["tiff rgb8"] = (new TiffEncoder { BitsPerPixel = TiffBitsPerPixel.Bit24, Compression = TiffCompression.Lzw }, Image.LoadPixelData<Rgb24>),
        ["tiff grey8"] = (new TiffEncoder { BitsPerPixel = TiffBitsPerPixel.Bit8, Compression = TiffCompression.Deflate }, Image.LoadPixelData<L8>),
        ["tiff palette"] = (new TiffEncoder { BitsPerPixel = TiffBitsPerPixel.Bit8, PhotometricInterpretation = TiffPhotometricInterpretation.PaletteColor }, Image.LoadPixelData<Rgb24>),
        ["tiff 1"] = (new TiffEncoder { BitsPerPixel = TiffBitsPerPixel.Bit1, PhotometricInterpretation = TiffPhotometricInterpretation.WhiteIsZero }, Image.LoadPixelData<L8>),
        ["webp lossless with alpha"] = (new WebpEncoder { FileFormat = WebpFileFormatType.Lossless, TransparentColorMode = WebpTransparentColorMode.Preserve }, Image.LoadPixelData<Rgba32>),
        ["webp lossy with alpha"] = (new WebpEncoder { FileFormat = WebpFileFormatType.Lossy }, Image.LoadPixelData<Rgba32>),
    };

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Random_images_are_as_the_long_way_round(string kind) => Prop.ForAll(ArbMap.Default.ArbFor<int>(), seed =>
    {
        var random = new Random(seed);
        int width = random.Next(1, 60), height = random.Next(1, 40);
        var bytes = new byte[8 * width * height];
        random.NextBytes(bytes);
        using var image = Encoders[kind].Image(bytes, width, height);
        AssertAsTheLongWay(Encoded(image, Encoders[kind].Encoder), kind);
    }).Check(Config.QuickThrowOnFailure.WithMaxTest(25));

    private static byte[] Encoded(Image image, IImageEncoder encoder)
    {
        using var stream = new MemoryStream();
        image.Save(stream, encoder);
        return stream.ToArray();
    }

    private static void AssertAsTheLongWay(byte[] data, string name)
    {
        using var wide = Image.Load<Rgba64>(new DecoderOptions { MaxFrames = 1 }, data);
        var expected = new RgbImage(wide.Width, wide.Height);
        for (int y = 0, at = 0; y < wide.Height; y++)
            for (int x = 0; x < wide.Width; x++, at += 3)
                (expected.Pixels[at], expected.Pixels[at + 1], expected.Pixels[at + 2]) = TheLongWay(wide[x, y]);
        GoldenFiles.AssertSame(expected, Reader.Decode(data, name));
    }

    /// <summary>All that is allocated, whether freed on the way or not: no more than the image and a few of its rows; what
    /// ImageSharp needs in whole images besides is listed in the README.</summary>
    [Theory]
    [InlineData("png grey8", 3)]
    [InlineData("png rgb8", 3)]
    [InlineData("png rgba8", 3)]
    [InlineData("png rgba16", 3)]
    [InlineData("png palette with alpha", 3)]
    [InlineData("tiff palette", 4)]
    [InlineData("jpeg 4:2:0", 3)]
    [InlineData("webp lossless with alpha", 16)]
    public void A_decoded_image_takes_three_bytes_a_pixel_and_little_besides(string kind, int bytesPerPixel)
    {
        int side = 1200;
        byte[] bytes = new byte[8 * side * side];
        for (int i = 0; i < bytes.Length; i++) bytes[i] = (byte)(i >> 12);
        var (encoder, load) = kind == "jpeg 4:2:0" ? (new JpegEncoder { ColorType = JpegEncodingColor.YCbCrRatio420 }, Image.LoadPixelData<Rgb24>) : Encoders[kind];
        using var image = load(bytes, side, side);
        byte[] file = Encoded(image, encoder);
        var decoder = new ImageSharpDecoder(new SimpleGcMemoryAllocator());
        decoder.Decode(file, ImageLimits.Default);
        long before = GC.GetAllocatedBytesForCurrentThread();
        decoder.Decode(file, ImageLimits.Default);
        double perPixel = (double)(GC.GetAllocatedBytesForCurrentThread() - before) / (side * side);
        Assert.InRange(perPixel, 3, bytesPerPixel + 0.5);
    }
}
