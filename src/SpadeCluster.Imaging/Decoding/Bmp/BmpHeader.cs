using System.Buffers.Binary;
using System.Numerics;

namespace SpadeCluster.Imaging;

internal enum BmpCompression : uint { None = 0, Rle8 = 1, Rle4 = 2, BitFields = 3, AlphaBitFields = 6 }

/// <summary>The headers of a BMP file: Windows versions 3 to 5 and OS/2 (12 to 124 bytes after the file header).</summary>
internal sealed class BmpHeader
{
    private const int FileHeaderBytes = 14;

    public required int Width { get; init; }
    public required int Height { get; init; }
    public required bool TopDown { get; init; }
    public required int Bits { get; init; }
    public required BmpCompression Compression { get; init; }

    /// <summary>Where the pixels begin in the file.</summary>
    public required int PixelOffset { get; init; }

    /// <summary>R, G, B a colour; empty above 8 bits.</summary>
    public required byte[] Palette { get; init; }

    /// <summary>The bits of red, green and blue in a 16- or 32-bit pixel.</summary>
    public required (uint R, uint G, uint B) Masks { get; init; }

    public bool RunLengths => Compression is BmpCompression.Rle8 or BmpCompression.Rle4;

    /// <summary>Rows are padded to whole 32-bit words.</summary>
    public long RowBytes => ((long)Width * Bits + 31) / 32 * 4;

    public static BmpHeader Parse(ReadOnlySpan<byte> data, ImageLimits limits)
    {
        long pixelOffset = Word(data, 10), size = Word(data, 14);
        bool core = size == 12;
        if (!core && size is not (>= 40 and <= 124))
            throw Undecodable.Because($"the BMP header has an unknown length of {size} bytes");
        if (data.Length < FileHeaderBytes + size)
            throw Undecodable.Because("the BMP file is truncated within its header");

        long width = core ? Short(data, 18) : (int)Word(data, 18), height = core ? Short(data, 20) : (int)Word(data, 22);
        int bits = Short(data, core ? 24 : 28);
        var compression = core ? BmpCompression.None : (BmpCompression)Word(data, 30);
        limits.CheckSize(width, Math.Abs(height));
        bool known = compression switch
        {
            BmpCompression.None => bits is 1 or 4 or 8 or 16 or 24 or 32,
            BmpCompression.Rle8 => bits == 8 && height > 0,
            BmpCompression.Rle4 => bits == 4 && height > 0,
            BmpCompression.BitFields or BmpCompression.AlphaBitFields => bits is 16 or 32,
            _ => false,
        };
        if (!known)
            throw Undecodable.Because($"BMP with {bits} bits a pixel and compression {(uint)compression} is not supported");

        long tables = FileHeaderBytes + size;
        var masks = bits == 16 ? (0x7C00u, 0x3E0u, 0x1Fu) : (0xFF0000u, 0xFF00u, 0xFFu);
        if (compression is BmpCompression.BitFields or BmpCompression.AlphaBitFields)
        {
            // Within the header from version 2 on and right behind the shorter one: the same place in the file.
            masks = (Mask(data, 54), Mask(data, 58), Mask(data, 62));
            if (size == 40)
                tables += compression == BmpCompression.BitFields ? 12 : 16;
        }
        var header = new BmpHeader
        {
            Width = (int)width,
            Height = (int)Math.Abs(height),
            TopDown = height < 0,
            Bits = bits,
            Compression = compression,
            PixelOffset = (int)Math.Min(pixelOffset, data.Length),
            Palette = bits <= 8 ? ReadPalette(data, tables, pixelOffset, core ? 3 : 4, core ? 0 : Word(data, 46), 1 << bits) : [],
            Masks = masks,
        };
        long stored = data.Length - header.PixelOffset;
        if (!header.RunLengths && header.RowBytes * header.Height > stored)
            throw Undecodable.Because($"the BMP file is truncated: {header.Width}x{header.Height} pixels take {header.RowBytes * header.Height:N0} bytes, it has {stored:N0}");
        return header;
    }

    private static byte[] ReadPalette(ReadOnlySpan<byte> data, long start, long end, int entryBytes, uint used, int most)
    {
        long count = Math.Min(used == 0 ? most : Math.Min(used, most), (end - start) / entryBytes);
        if (count <= 0 || start + count * entryBytes > data.Length)
            throw Undecodable.Because("the BMP file is damaged or truncated: it has no whole palette");
        var palette = new byte[3 * count];
        for (int i = 0; i < count; i++)
        {
            var bgr = data.Slice((int)start + i * entryBytes, 3);
            (palette[3 * i], palette[3 * i + 1], palette[3 * i + 2]) = (bgr[2], bgr[1], bgr[0]);
        }
        return palette;
    }

    private static uint Mask(ReadOnlySpan<byte> data, int at)
    {
        uint mask = Word(data, at);
        if (mask != 0 && BitOperations.PopCount(mask) + BitOperations.TrailingZeroCount(mask) + BitOperations.LeadingZeroCount(mask) != 32)
            throw Undecodable.Because($"the BMP colour mask {mask:X8} has a gap");
        return mask;
    }

    private static ushort Short(ReadOnlySpan<byte> data, int at) => BinaryPrimitives.ReadUInt16LittleEndian(Part(data, at, 2));

    private static uint Word(ReadOnlySpan<byte> data, int at) => BinaryPrimitives.ReadUInt32LittleEndian(Part(data, at, 4));

    private static ReadOnlySpan<byte> Part(ReadOnlySpan<byte> data, int at, int length) => data.Length >= at + length
        ? data.Slice(at, length)
        : throw Undecodable.Because("the BMP file is truncated within its header");
}
