using SixLabors.ImageSharp;
using SixLabors.ImageSharp.Formats;
using SixLabors.ImageSharp.Formats.Tiff;
using SixLabors.ImageSharp.Formats.Webp;
using SixLabors.ImageSharp.Memory;
using SixLabors.ImageSharp.PixelFormats;
using SpadeCluster.Features;

namespace SpadeCluster.Imaging.ImageSharp;

/// <summary>
/// TIFF and WebP through ImageSharp, by the rules of Imaging's own decoders: the header's size is held against the limits
/// before pixels are decoded, truncated files are errors, alpha is composited on black, 16 bits are rounded to 8 after that.
/// The first page or frame counts; EXIF orientation and colour profiles do not.
/// </summary>
public sealed class ImageSharpDecoder : IImageDecoder
{
    /// <summary>A pixel while it is decoded: 8 bytes as 16-bit RGBA, and as much again for planes and transforms.</summary>
    private const int BytesPerPixel = 16;

    private static readonly DecoderOptions Default = Options(ImageLimits.Default);

    public bool CanDecode(ReadOnlySpan<byte> head) => TiffDirectory.IsTiff(head) || IsWebp(head);

    public RgbImage Decode(ReadOnlySpan<byte> data, ImageLimits limits)
    {
        bool tiff = TiffDirectory.IsTiff(data);
        if (tiff) TiffDirectory.CheckComplete(data);
        else if (IsWebp(data)) CheckComplete(data);
        else throw Bad("it is neither a TIFF nor a WebP file");
        var options = limits == ImageLimits.Default ? Default : Options(limits);
        try
        {
            var info = Image.Identify(options, data);
            limits.CheckSize(info.Width, info.Height);
            return tiff ? Decode16(options, data) : Decode8(options, data);
        }
        catch (Exception e) when (e is InvalidMemoryOperationException or OutOfMemoryException)
        {
            throw new SpadeException(SpadeError.ResourceExhausted, $"the image takes more memory to decode than its limit of {limits.MaxPixels:N0} pixels allows; scale it down or raise the limit", e);
        }
        // Damaged files take its decoders to many an exception that it does not document: index out of range, end of stream...
        catch (Exception e) when (e is not SpadeException)
        {
            throw Bad($"the file is damaged or of an unsupported kind (ImageSharp: {(e is ImageFormatException or NotSupportedException ? e.Message.ReplaceLineEndings(" ") : e.GetType().Name)})", e);
        }
    }

    private static RgbImage Decode8(DecoderOptions options, ReadOnlySpan<byte> data)
    {
        using var image = Image.Load<Rgba32>(options, data);
        var rgb = new RgbImage(image.Width, image.Height);
        image.ProcessPixelRows(rows =>
        {
            for (int y = 0, at = 0; y < rows.Height; y++)
                foreach (ref readonly var p in rows.GetRowSpan(y))
                {
                    (rgb.Pixels[at], rgb.Pixels[at + 1], rgb.Pixels[at + 2]) = p.A == 255 ? (p.R, p.G, p.B) : (OnBlack(p.R, p.A), OnBlack(p.G, p.A), OnBlack(p.B, p.A));
                    at += 3;
                }
        });
        return rgb;
    }

    /// <summary>8-bit samples come as v * 257, and out of it as v again.</summary>
    private static RgbImage Decode16(DecoderOptions options, ReadOnlySpan<byte> data)
    {
        using var image = Image.Load<Rgba64>(options, data);
        var rgb = new RgbImage(image.Width, image.Height);
        image.ProcessPixelRows(rows =>
        {
            for (int y = 0, at = 0; y < rows.Height; y++)
                foreach (ref readonly var p in rows.GetRowSpan(y))
                {
                    (rgb.Pixels[at], rgb.Pixels[at + 1], rgb.Pixels[at + 2]) = (OnBlack16(p.R, p.A), OnBlack16(p.G, p.A), OnBlack16(p.B, p.A));
                    at += 3;
                }
        });
        return rgb;
    }

    private static byte OnBlack(int value, int alpha) => (byte)(((value * alpha) + 127) / 255);

    private static byte OnBlack16(int value, int alpha)
    {
        const long Full = 65535L * 65535;
        return (byte)((((long)value * alpha * 255) + (Full / 2)) / Full);
    }

    private static DecoderOptions Options(ImageLimits limits)
    {
        long megabytes = ((limits.MaxPixels * BytesPerPixel) >> 20) + 1;
        var configuration = new Configuration(new TiffConfigurationModule(), new WebpConfigurationModule())
        {
            MemoryAllocator = MemoryAllocator.Create(new MemoryAllocatorOptions { AllocationLimitMegabytes = (int)Math.Min(megabytes, int.MaxValue) }),
        };
        return new DecoderOptions { Configuration = configuration, MaxFrames = 1, SkipMetadata = true };
    }

    private static bool IsWebp(ReadOnlySpan<byte> head) => head.Length >= 12 && head.StartsWith("RIFF"u8) && head[8..].StartsWith("WEBP"u8);

    /// <summary>ImageSharp decodes what there is of a truncated file and leaves the rest black; RIFF says how long it should be.</summary>
    private static void CheckComplete(ReadOnlySpan<byte> webp)
    {
        long length = 8L + BitConverter.ToUInt32(webp[4..]);
        if (length > webp.Length) throw Bad($"the WebP file is truncated: {length:N0} bytes according to its header, it has {webp.Length:N0}");
    }

    internal static SpadeException Bad(string reason, Exception? inner = null) => new(SpadeError.InvalidArgument, $"cannot decode the image: {reason}", inner);
}
