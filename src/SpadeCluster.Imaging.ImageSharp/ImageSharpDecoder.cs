using System.Buffers.Binary;
using SixLabors.ImageSharp;
using SixLabors.ImageSharp.Formats;
using SixLabors.ImageSharp.Formats.Bmp;
using SixLabors.ImageSharp.Formats.Jpeg;
using SixLabors.ImageSharp.Formats.Pbm;
using SixLabors.ImageSharp.Formats.Png;
using SixLabors.ImageSharp.Formats.Tiff;
using SixLabors.ImageSharp.Formats.Webp;
using SixLabors.ImageSharp.Memory;
using SixLabors.ImageSharp.PixelFormats;
using SpadeCluster.Features;

namespace SpadeCluster.Imaging.ImageSharp;

/// <summary>
/// Images through ImageSharp, to the pixels of Imaging's own decoders and by their rules: the header's size is held against
/// the limits before pixels are decoded, truncated files are errors, alpha is composited on black, 16 bits are rounded to 8
/// after that. The first page or frame counts; EXIF orientation and colour profiles do not. What ImageSharp 3.1.12 reads
/// wrongly it does not take: PNG, JPEG, BMP and PNM have other decoders behind this one.
/// </summary>
public sealed class ImageSharpDecoder : IImageDecoder
{
    /// <summary>A pixel while it is decoded: 8 bytes as 16-bit RGBA, and as much again for planes and transforms.</summary>
    private const int BytesPerPixel = 16;

    // Adam7's first passes are empty in narrower images, which ImageSharp does not expect.
    private const int NarrowestInterlaced = 5;

    private static readonly DecoderOptions Default = Options(ImageLimits.Default);

    public IReadOnlyList<string> Formats => ["PNG", "JPEG", "BMP", "PNM", "TIFF", "WebP"];

    public bool CanDecode(ReadOnlySpan<byte> data)
    {
        if (IsPng(data)) return !IsMisreadPng(data);
        if (PnmHeader.IsPnm(data)) return !IsMisreadPnm(data);
        return IsJpeg(data) ? JpegHeader.TryParse(data) is not { Components.Count: 0 } : IsBmp(data) || TiffDirectory.IsTiff(data) || IsWebp(data);
    }

    public RgbImage Decode(ReadOnlySpan<byte> data, ImageLimits limits)
    {
        if (!CanDecode(data)) throw Undecodable.Because("it is of no format that this decoder reads");
        var rule = Check(data, limits);
        var options = limits == ImageLimits.Default ? Default : Options(limits);
        try
        {
            var info = Image.Identify(options, data);
            limits.CheckSize(info.Width, info.Height);
            if (IsJpeg(data)) return DecodeJpeg(options, data);
            using var image = IsBmp(data) ? LoadBmp(options, data) : Image.Load<Rgba64>(options, data);
            return Convert(image, rule);
        }
        catch (Exception e) when (e is InvalidMemoryOperationException or OutOfMemoryException)
        {
            throw new SpadeException(SpadeError.ResourceExhausted, $"the image takes more memory to decode than its limit of {limits.MaxPixels:N0} pixels allows; scale it down or raise the limit", e);
        }
        // Damaged files take its decoders to many an exception that it does not document: index out of range, end of stream...
        catch (Exception e) when (e is not SpadeException)
        {
            throw Undecodable.Because($"the file is damaged or of an unsupported kind (ImageSharp: {(e is ImageFormatException or NotSupportedException ? e.Message.ReplaceLineEndings(" ") : e.GetType().Name)})", e);
        }
    }

    /// <summary>Refuses what is incomplete, where ImageSharp would leave the rest black.</summary>
    /// <returns>How the format's pixels become RGB.</returns>
    private static PixelRule Check(ReadOnlySpan<byte> data, ImageLimits limits)
    {
        if (TiffDirectory.IsTiff(data)) TiffDirectory.CheckComplete(data);
        else if (IsWebp(data)) CheckComplete(data);
        else if (IsJpeg(data)) JpegScans.Check(data);
        else if (IsBmp(data)) return PixelRules.Bmp(BmpHeader.Parse(data, limits));
        else if (IsPng(data)) return PixelRules.Png(PngFile.Parse(data, limits));
        else if (PnmHeader.IsPnm(data)) return PixelRules.Pnm(PnmHeader.Parse(data, limits));
        return PixelRules.OnBlack;
    }

    /// <summary>Width, height and interlacing stand at fixed places of the first chunk.</summary>
    private static bool IsMisreadPng(ReadOnlySpan<byte> data) => data.Length > 28 && data[28] != 0
        && Math.Min(BinaryPrimitives.ReadUInt32BigEndian(data[16..]), BinaryPrimitives.ReadUInt32BigEndian(data[20..])) < NarrowestInterlaced;

    /// <summary>Plain bitmaps; raw samples of two bytes, which it swaps; a first sample that looks like white space or a comment.</summary>
    private static bool IsMisreadPnm(ReadOnlySpan<byte> data)
    {
        try
        {
            var header = PnmHeader.Parse(data, new ImageLimits(MaxPixels: long.MaxValue));
            return header.Kind == 1 || (!header.Plain && (header.Max > 255 || " \t\r\n#"u8.Contains(data[header.RasterOffset])));
        }
        catch (SpadeException)
        {
            // Damaged: decoding it says how.
            return false;
        }
    }

    private static RgbImage DecodeJpeg(DecoderOptions options, ReadOnlySpan<byte> data)
    {
        var header = JpegHeader.TryParse(data) ?? throw Undecodable.Because("the JPEG file is damaged or truncated: its end is missing");
        if (header.Components.Count > 3)
        {
            using var inks = Image.Load<Rgba64>(options, data);
            return Convert(inks, PixelRules.OnBlack);
        }
        using var components = Image.Load<Rgb24>(options, JpegColours.WithoutTransform(data, header));
        return JpegColours.ToRgb(components, header);
    }

    private static RgbImage Convert(Image<Rgba64> image, PixelRule rule)
    {
        var rgb = new RgbImage(image.Width, image.Height);
        image.ProcessPixelRows(rows =>
        {
            for (int y = 0, at = 0; y < rows.Height; y++)
                foreach (var pixel in rows.GetRowSpan(y))
                {
                    (rgb.Pixels[at], rgb.Pixels[at + 1], rgb.Pixels[at + 2]) = rule(pixel);
                    at += 3;
                }
        });
        return rgb;
    }

    /// <summary>What run lengths skip is the palette's first colour.</summary>
    private static unsafe Image<Rgba64> LoadBmp(DecoderOptions options, ReadOnlySpan<byte> data)
    {
        fixed (byte* first = data)
        {
            using var stream = new UnmanagedMemoryStream(first, data.Length);
            return SixLabors.ImageSharp.Formats.Bmp.BmpDecoder.Instance.Decode<Rgba64>(new BmpDecoderOptions { GeneralOptions = options, RleSkippedPixelHandling = RleSkippedPixelHandling.FirstColorOfPalette }, stream);
        }
    }

    private static DecoderOptions Options(ImageLimits limits)
    {
        long megabytes = ((limits.MaxPixels * BytesPerPixel) >> 20) + 1;
        var configuration = new Configuration(new TiffConfigurationModule(), new WebpConfigurationModule(), new PngConfigurationModule(), new JpegConfigurationModule(), new BmpConfigurationModule(), new PbmConfigurationModule())
        {
            MemoryAllocator = MemoryAllocator.Create(new MemoryAllocatorOptions { AllocationLimitMegabytes = (int)Math.Min(megabytes, int.MaxValue) }),
        };
        return new DecoderOptions { Configuration = configuration, MaxFrames = 1, SkipMetadata = true };
    }

    private static bool IsPng(ReadOnlySpan<byte> head) => head.StartsWith(PngFile.Signature);

    private static bool IsJpeg(ReadOnlySpan<byte> head) => head.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xD8, 0xFF]);

    private static bool IsBmp(ReadOnlySpan<byte> head) => head.StartsWith("BM"u8);

    private static bool IsWebp(ReadOnlySpan<byte> head) => head.Length >= 12 && head.StartsWith("RIFF"u8) && head[8..].StartsWith("WEBP"u8);

    /// <summary>ImageSharp decodes what there is of a truncated file and leaves the rest black; RIFF says how long it should be.</summary>
    private static void CheckComplete(ReadOnlySpan<byte> webp)
    {
        long length = 8L + BitConverter.ToUInt32(webp[4..]);
        if (length > webp.Length) throw Undecodable.Because($"the WebP file is truncated: {length:N0} bytes according to its header, it has {webp.Length:N0}");
    }
}
