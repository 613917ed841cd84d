using SixLabors.ImageSharp;
using SixLabors.ImageSharp.Formats;
using SixLabors.ImageSharp.Formats.Bmp;
using SixLabors.ImageSharp.Formats.Jpeg;
using SixLabors.ImageSharp.Formats.Png;
using SixLabors.ImageSharp.Formats.Tiff;
using SixLabors.ImageSharp.Formats.Webp;
using SixLabors.ImageSharp.Memory;
using SixLabors.ImageSharp.Metadata;
using SixLabors.ImageSharp.PixelFormats;

namespace SpadeCluster.Imaging;

/// <summary>
/// Decodes PNG, JPEG, BMP, TIFF and WebP with ImageSharp, with no other format registered, and PNM. Files that ImageSharp 2.1.13 reads
/// wrongly or only in part without an error are refused first: see README.md in this folder.
/// </summary>
internal static class ImageSharpDecoder
{
    /// <summary>Largest buffer per pixel of the limit: a TIFF strip of 16-bit RGBA with the whole image.</summary>
    private const int BytesPerPixel = 8;

    private static readonly PngDecoder Png = new() { IgnoreMetadata = true };
    private static readonly JpegDecoder Jpeg = new() { IgnoreMetadata = true };
    private static readonly BmpDecoder Bmp = new();
    private static readonly TiffDecoder Tiff = new() { IgnoreMetadata = true, DecodingMode = FrameDecodingMode.First };
    private static readonly WebpDecoder Webp = new() { IgnoreMetadata = true };

    private static readonly Configuration Default = Configure(ImageLimits.Default);

    /// <param name="threads">Threads that may work on this image.</param>
    /// <exception cref="SpadeException">InvalidArgument: not an image, damaged, not supported. ResourceExhausted: over
    /// <paramref name="limits"/>.</exception>
    public static PixelRows Decode(ReadOnlySpan<byte> data, ImageLimits limits, int threads)
    {
        if (PngFile.IsPng(data)) return DecodePng(data, limits, threads);
        if (JpegFile.IsJpeg(data))
        {
            JpegFile.Check(data);
            return Load(Jpeg, data, limits);
        }
        if (BmpFile.IsBmp(data))
        {
            BmpFile.Check(data, limits);
            return Load(Bmp, data, limits);
        }
        if (TiffFile.IsTiff(data))
            return TiffFile.Check(data, limits).HasAlpha ? LoadBlended(Tiff, data, limits) : Load(Tiff, data, limits);
        if (WebpFile.IsWebp(data))
        {
            WebpFile.Check(data);
            return LoadBlended(Webp, data, limits);
        }
        if (PnmFile.IsPnm(data)) return PixelRows.Of(PnmFile.Read(data, limits));
        throw DecodeError.Because("its content is of no known image format (PNG, JPEG, BMP, PNM, TIFF, WebP)");
    }

    /// <summary>The size in a file's header.</summary>
    /// <exception cref="SpadeException">InvalidArgument: not an image, or an unreadable header.</exception>
    public static (int Width, int Height) ReadSize(ReadOnlySpan<byte> data)
    {
        if (PnmFile.IsPnm(data)) return PnmFile.ReadSize(data);
        if (TiffFile.IsTiff(data)) TiffFile.Check(data, ImageLimits.Default);
        IImageInfoDetector detector = PngFile.IsPng(data) ? Png : JpegFile.IsJpeg(data) ? Jpeg : BmpFile.IsBmp(data) ? Bmp
            : TiffFile.IsTiff(data) ? Tiff : WebpFile.IsWebp(data) ? Webp
            : throw DecodeError.Because("its content is of no known image format (PNG, JPEG, BMP, PNM, TIFF, WebP)");
        return ReadSize(detector, data);
    }

    private static unsafe (int Width, int Height) ReadSize(IImageInfoDetector detector, ReadOnlySpan<byte> data)
    {
        try
        {
            fixed (byte* first = data)
            {
                using var stream = new UnmanagedMemoryStream(first, data.Length);
                var info = detector.Identify(Default, stream, default);
                return (info.Width, info.Height);
            }
        }
        // As in Decode: undocumented exceptions too.
        catch (Exception e)
        {
            throw DecodeError.Because($"the file's header is damaged ({e.GetType().Name})", e);
        }
    }

    /// <summary>A file without alpha.</summary>
    private static PixelRows Load(IImageDecoder decoder, ReadOnlySpan<byte> data, ImageLimits limits)
        => PixelRows.Of(Load<Rgb24>(decoder, data, limits));

    private static PixelRows LoadBlended(IImageDecoder decoder, ReadOnlySpan<byte> data, ImageLimits limits)
        => PixelRows.Of(Load<Rgba32>(decoder, data, limits));

    private static unsafe PixelRows DecodePng(ReadOnlySpan<byte> data, ImageLimits limits, int threads)
    {
        var png = PngFile.Check(data, limits);
        fixed (byte* first = data)
        {
            using var file = new UnmanagedMemoryStream(first, data.Length);
            using var rows = new PngRows(png, file, threads);
            using var plain = new PlainPngStream(png, data, rows);
            return png.HasAlpha ? PixelRows.Of(Decode<Rgba32>(Png, plain, limits)) : PixelRows.Of(Decode<Rgb24>(Png, plain, limits));
        }
    }

    private static unsafe Image<TPixel> Load<TPixel>(IImageDecoder decoder, ReadOnlySpan<byte> data, ImageLimits limits)
        where TPixel : unmanaged, IPixel<TPixel>
    {
        var (width, height) = ReadSize((IImageInfoDetector)decoder, data);
        limits.CheckSize(width, height);
        fixed (byte* first = data)
        {
            using var stream = new UnmanagedMemoryStream(first, data.Length);
            return Decode<TPixel>(decoder, stream, limits);
        }
    }

    private static Image<TPixel> Decode<TPixel>(IImageDecoder decoder, Stream file, ImageLimits limits)
        where TPixel : unmanaged, IPixel<TPixel>
    {
        try
        {
            return decoder.Decode<TPixel>(limits == ImageLimits.Default ? Default : Configure(limits), file, default);
        }
        catch (Exception e)
            when (e is InvalidMemoryOperationException or OutOfMemoryException || e.InnerException is InvalidMemoryOperationException)
        {
            throw new SpadeException(SpadeError.ResourceExhausted,
                $"the image takes more memory than the limit of {limits.MaxPixels:N0} pixels allows; scale it down or raise the limit", e);
        }
        // For damaged files ImageSharp throws undocumented exceptions too: index out of range, end of stream...
        catch (Exception e) when (e is not SpadeException)
        {
            string reason = e is ImageFormatException or NotSupportedException ? e.Message.ReplaceLineEndings(" ") : e.GetType().Name;
            throw DecodeError.Because($"the file is damaged or of an unsupported kind ({reason})", e);
        }
    }

    /// <summary>Without ImageSharp's pool, which would keep up to an eighth of the machine's memory after a large image.</summary>
    private static Configuration Configure(ImageLimits limits) => new()
    {
        MemoryAllocator = MemoryAllocator.Create(new MemoryAllocatorOptions
        {
            AllocationLimitMegabytes = (int)((Math.Min(limits.MaxPixels, Array.MaxLength) * BytesPerPixel) >> 20) + 1,
            MaximumPoolSizeMegabytes = 0,
        }),
    };
}
