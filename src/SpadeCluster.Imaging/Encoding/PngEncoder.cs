using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using SpadeCluster.Features;

namespace SpadeCluster.Imaging;

/// <summary>Writes 8-bit PNG, RGB or grey: fast deflate, each row with the cheaper of the filters Sub and Up.</summary>
public static class PngEncoder
{
    // Level 1 of zlib-ng does without Huffman tables of its own; on filtered photographs that makes files half as large again.
    private static readonly ZLibCompressionOptions Fast = new() { CompressionLevel = 2, CompressionStrategy = ZLibCompressionStrategy.Filtered };

    public static void Write(Stream stream, RgbImage image) =>
        Write(stream, image.Pixels, image.Width, image.Height, PngColor.Rgb);

    /// <param name="grey">One byte a pixel, row-major.</param>
    public static void WriteGrey(Stream stream, ReadOnlySpan<byte> grey, int width, int height)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual((long)grey.Length, (long)width * height);
        Write(stream, grey, width, height, PngColor.Grey);
    }

    /// <summary>A mask as MVTec's data sets store it: grey, 255 where true.</summary>
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

    private static void Write(Stream stream, ReadOnlySpan<byte> pixels, int width, int height, PngColor color)
    {
        stream.Write(PngFile.Signature);

        Span<byte> header = stackalloc byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header[4..], height);
        (header[8], header[9], header[10], header[11], header[12]) = (8, (byte)color, 0, 0, 0);
        WriteChunk(stream, "IHDR", header);

        var compressed = new MemoryStream();
        using (var zlib = new ZLibStream(compressed, Fast, leaveOpen: true))
            WriteRows(zlib, pixels, pixels.Length / height, color == PngColor.Rgb ? 3 : 1);
        WriteChunk(stream, "IDAT", compressed.GetBuffer().AsSpan(0, (int)compressed.Length));
        WriteChunk(stream, "IEND", []);
    }

    private static void WriteRows(ZLibStream zlib, ReadOnlySpan<byte> pixels, int rowBytes, int step)
    {
        byte[] sub = new byte[rowBytes + 1], up = new byte[rowBytes + 1];
        (sub[0], up[0]) = (PngFilter.Sub, PngFilter.Up);
        ReadOnlySpan<byte> above = new byte[rowBytes];
        for (int at = 0; at < pixels.Length; at += rowBytes)
        {
            var row = pixels.Slice(at, rowBytes);
            // The smaller sum of differences, taken as signed, is the better guess at what deflates well.
            int subCost = 0, upCost = 0;
            for (int i = 0; i < row.Length; i++)
            {
                int left = i >= step ? row[i - step] : 0;
                subCost += Math.Abs((int)(sbyte)(sub[i + 1] = (byte)(row[i] - left)));
                upCost += Math.Abs((int)(sbyte)(up[i + 1] = (byte)(row[i] - above[i])));
            }
            zlib.Write(subCost < upCost ? sub : up);
            above = row;
        }
    }

    private static void WriteChunk(Stream stream, string type, ReadOnlySpan<byte> body)
    {
        Span<byte> head = stackalloc byte[8], crc = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(head, body.Length);
        Encoding.ASCII.GetBytes(type, head[4..]);
        BinaryPrimitives.WriteUInt32BigEndian(crc, ~Crc32.Append(Crc32.Append(~0u, head[4..]), body));
        stream.Write(head);
        stream.Write(body);
        stream.Write(crc);
    }
}
