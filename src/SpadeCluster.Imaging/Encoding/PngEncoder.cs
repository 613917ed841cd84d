using System.Runtime.InteropServices;
using SixLabors.ImageSharp;
using SixLabors.ImageSharp.Formats.Png;
using SixLabors.ImageSharp.PixelFormats;
using SpadeCluster.Features;
using ImageSharpPngEncoder = SixLabors.ImageSharp.Formats.Png.PngEncoder;

namespace SpadeCluster.Imaging;

/// <summary>Writes 8-bit PNG, RGB or grey.</summary>
public static class PngEncoder
{
    public static void Write(Stream stream, RgbImage image) =>
        Write<Rgb24>(stream, image.Pixels, image.Width, image.Height, PngColorType.Rgb);

    /// <param name="grey">One byte a pixel, row-major.</param>
    public static void WriteGrey(Stream stream, ReadOnlySpan<byte> grey, int width, int height)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual((long)grey.Length, (long)width * height);
        Write<L8>(stream, grey, width, height, PngColorType.Grayscale);
    }

    /// <summary>A mask as in MVTec's data sets: grey, 255 where true.</summary>
    public static void WriteMask(Stream stream, ReadOnlySpan<bool> mask, int width, int height)
    {
        var grey = new byte[mask.Length];
        for (int i = 0; i < grey.Length; i++)
            grey[i] = mask[i] ? (byte)255 : (byte)0;
        WriteGrey(stream, grey, width, height);
    }

    public static byte[] Encode(RgbImage image)
    {
        var memory = new MemoryStream();
        Write(memory, image);
        return memory.ToArray();
    }

    /// <exception cref="SpadeException">InvalidArgument: the folder is missing or not writable. ResourceExhausted: the disk
    /// is full or failed.</exception>
    public static void WriteFile(string path, RgbImage image) => WriteFile(path, file => Write(file, image));

    /// <inheritdoc cref="WriteFile(string, RgbImage)"/>
    public static void WriteMaskFile(string path, bool[] mask, int width, int height) =>
        WriteFile(path, file => WriteMask(file, mask, width, height));

    private static void WriteFile(string path, Action<Stream> write)
    {
        try
        {
            using var file = File.Create(path);
            write(file);
        }
        catch (Exception e) when (e is UnauthorizedAccessException or DirectoryNotFoundException or PathTooLongException)
        {
            throw new SpadeException(SpadeError.InvalidArgument, $"{path}: cannot be created ({e.Message})", e);
        }
        catch (IOException e)
        {
            throw new SpadeException(SpadeError.ResourceExhausted, $"{path}: cannot be written ({e.Message})", e);
        }
    }

    private static void Write<TPixel>(Stream stream, ReadOnlySpan<byte> pixels, int width, int height, PngColorType color)
        where TPixel : unmanaged, IPixel<TPixel>
    {
        using var image = Image.LoadPixelData<TPixel>(MemoryMarshal.Cast<byte, TPixel>(pixels), width, height);
        image.Save(stream, new ImageSharpPngEncoder
        {
            ColorType = color,
            BitDepth = PngBitDepth.Bit8,
            CompressionLevel = PngCompressionLevel.Level2,
        });
    }
}
