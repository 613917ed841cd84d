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
/// wrongly it does not take (<see cref="Misread"/>): PNG, JPEG, BMP and PNM have other decoders behind this one.
/// </summary>
public sealed class ImageSharpDecoder : IImageDecoder
{
    /// <summary>Of any one buffer, at the limit of pixels: a TIFF strip of 16 bits RGBA that holds the whole image.</summary>
    private const int BytesPerPixel = 8;

    private static readonly Configuration Readers = new(new TiffConfigurationModule(), new WebpConfigurationModule(), new PngConfigurationModule(), new JpegConfigurationModule(), new BmpConfigurationModule(), new PbmConfigurationModule());
    private static readonly MemoryAllocator DefaultMemory = Memory(ImageLimits.Default);

    private static readonly SpadeCluster.Imaging.PngDecoder Png = new();

    private readonly MemoryAllocator? _memory;

    public ImageSharpDecoder()
    {
    }

    /// <param name="memory">For everything but the image itself.</param>
    internal ImageSharpDecoder(MemoryAllocator memory) => _memory = memory;

    public IReadOnlyList<string> Formats => ["PNG", "JPEG", "BMP", "PNM", "TIFF", "WebP"];

    public bool CanDecode(ReadOnlySpan<byte> data)
    {
        if (IsPng(data)) return !Misread.Png(data);
        if (PnmHeader.IsPnm(data)) return !Misread.Pnm(data);
        if (IsBmp(data)) return !Misread.Bmp(data);
        return IsJpeg(data) ? JpegHeader.TryParse(data) is not { Components.Count: 0 } : TiffDirectory.IsTiff(data) || IsWebp(data);
    }

    public RgbImage Decode(ReadOnlySpan<byte> data, ImageLimits limits)
    {
        if (!CanDecode(data)) throw Undecodable.Because("it is of no format that this decoder reads");
        Check(data, limits);
        var configuration = Readers.Clone();
        configuration.MemoryAllocator = new PixelAllocator(_memory ?? (limits == ImageLimits.Default ? DefaultMemory : Memory(limits)), Megabytes(limits));
        var options = new DecoderOptions { Configuration = configuration, MaxFrames = 1, SkipMetadata = true };
        try
        {
            var info = Image.Identify(options, data);
            limits.CheckSize(info.Width, info.Height);
            if (IsJpeg(data)) return DecodeJpeg(options, data);
            if (IsBmp(data)) return LoadBmp(options, data);
            if (TiffDirectory.IsTiff(data) && TiffDirectory.IsDividedInPlace(data)) return Load<Rgb24>(options, data);
            var image = Load<OnBlack>(options, data);
            // Black is also what ImageSharp leaves where a PNG lacks rows.
            return IsPng(data) && EndsBlack(image) ? Png.Decode(data, limits) : image;
        }
        catch (Exception e) when (e is InvalidMemoryOperationException or OutOfMemoryException or { InnerException: InvalidMemoryOperationException })
        {
            throw new SpadeException(SpadeError.ResourceExhausted, $"the image takes more memory to decode than its limit of {limits.MaxPixels:N0} pixels allows; scale it down or raise the limit", e);
        }
        // Damaged files take its decoders to many an exception that it does not document: index out of range, end of stream...
        catch (Exception e) when (e is not SpadeException)
        {
            // What is only odd, Imaging's own decoder reads: an empty first chunk of pixels, a palette without its size...
            foreach (IImageDecoder own in (IImageDecoder[])[Png, new SpadeCluster.Imaging.BmpDecoder(), new PnmDecoder()])
                if (own.CanDecode(data)) return own.Decode(data, limits);
            throw Undecodable.Because($"the file is damaged or of an unsupported kind (ImageSharp: {(e is ImageFormatException or NotSupportedException ? e.Message.ReplaceLineEndings(" ") : e.GetType().Name)})", e);
        }
    }

    /// <summary>Refuses what is incomplete, where ImageSharp would leave the rest black.</summary>
    private static void Check(ReadOnlySpan<byte> data, ImageLimits limits)
    {
        if (TiffDirectory.IsTiff(data)) TiffDirectory.CheckComplete(data, limits);
        else if (IsWebp(data)) CheckComplete(data);
        else if (IsJpeg(data)) JpegScans.Check(data);
        else if (IsBmp(data)) BmpHeader.Parse(data, limits);
        else if (IsPng(data)) PngFile.Parse(data, limits);
        else if (PnmHeader.IsPnm(data)) PnmHeader.Parse(data, limits);
    }

    /// <summary>The last row, or of interlaced images the last that comes in a file, which may be the one before.</summary>
    private static bool EndsBlack(RgbImage image)
    {
        int row = 3 * image.Width;
        return !image.Pixels.AsSpan(image.Pixels.Length - row).ContainsAnyExcept((byte)0)
            || (image.Height > 1 && !image.Pixels.AsSpan(image.Pixels.Length - (2 * row), row).ContainsAnyExcept((byte)0));
    }

    private static RgbImage DecodeJpeg(DecoderOptions options, ReadOnlySpan<byte> data)
    {
        var header = JpegHeader.TryParse(data) ?? throw Undecodable.Because("the JPEG file is damaged or truncated: its end is missing");
        if (header.Components.Count > 3) return Load<OnBlack>(options, data);
        var image = Load<Rgb24>(options, JpegColours.WithoutTransform(data, header));
        JpegColours.ToRgb(image, header);
        return image;
    }

    private static RgbImage Load<TPixel>(DecoderOptions options, ReadOnlySpan<byte> data) where TPixel : unmanaged, IPixel<TPixel>
    {
        using var image = Image.Load<TPixel>(options, data);
        return PixelAllocator.Take(image);
    }

    /// <summary>A fourth channel is not alpha; what run lengths skip is the palette's first colour.</summary>
    private static unsafe RgbImage LoadBmp(DecoderOptions options, ReadOnlySpan<byte> data)
    {
        fixed (byte* first = data)
        {
            using var stream = new UnmanagedMemoryStream(first, data.Length);
            using var image = SixLabors.ImageSharp.Formats.Bmp.BmpDecoder.Instance.Decode<Rgb24>(new BmpDecoderOptions { GeneralOptions = options, RleSkippedPixelHandling = RleSkippedPixelHandling.FirstColorOfPalette }, stream);
            return PixelAllocator.Take(image);
        }
    }

    /// <summary>Without ImageSharp's own pool, which would keep up to an eighth of the machine's memory after a large image.</summary>
    private static MemoryAllocator Memory(ImageLimits limits) =>
        MemoryAllocator.Create(new MemoryAllocatorOptions { AllocationLimitMegabytes = Megabytes(limits), MaximumPoolSizeMegabytes = 0 });

    private static int Megabytes(ImageLimits limits) => (int)((Math.Min(limits.MaxPixels, Array.MaxLength) * BytesPerPixel) >> 20) + 1;

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
