using System.Buffers.Binary;
using System.Numerics;
using SpadeCluster.Features;

namespace SpadeCluster.Imaging;

/// <summary>
/// Windows and OS/2 bitmaps of 1, 4, 8, 16, 24 and 32 bits, bottom-up or top-down, RLE8, RLE4 and bit fields. A fourth
/// channel is ignored: writers do not agree whether it is alpha.
/// </summary>
public sealed class BmpDecoder : IImageDecoder
{
    public IReadOnlyList<string> Formats => ["BMP"];

    public bool CanDecode(ReadOnlySpan<byte> data) => data.StartsWith("BM"u8);

    public RgbImage Decode(ReadOnlySpan<byte> data, ImageLimits limits)
    {
        if (!CanDecode(data))
            throw Undecodable.Because("it is not a BMP file");
        var header = BmpHeader.Parse(data, limits);
        var stored = data[header.PixelOffset..];
        bool runs = header.RunLengths;
        var indices = runs ? BmpRunLength.Decode(stored, header) : [];
        byte[] rgb = GC.AllocateUninitializedArray<byte>(3 * header.Width * header.Height);
        for (int y = 0; y < header.Height; y++)
        {
            int source = header.TopDown ? y : header.Height - 1 - y;
            var target = rgb.AsSpan(3 * y * header.Width, 3 * header.Width);
            if (runs)
            {
                Look(indices.AsSpan(source * header.Width, header.Width), 8, header.Palette, target);
                continue;
            }
            var row = stored.Slice((int)(source * header.RowBytes), (int)header.RowBytes);
            if (header.Bits <= 8)
                Look(row, header.Bits, header.Palette, target);
            else if (header.Bits == 24)
                Swap(row, target);
            else
                Unpack(row, header, target);
        }
        return new RgbImage(header.Width, header.Height, rgb);
    }

    private static void Look(ReadOnlySpan<byte> row, int bits, byte[] palette, Span<byte> rgb)
    {
        for (int i = 0; i < rgb.Length / 3; i++)
        {
            int bit = i * bits;
            int value = (row[bit >> 3] >> (8 - bits - (bit & 7))) & ((1 << bits) - 1);
            if (3 * value >= palette.Length)
                throw Undecodable.Because($"the BMP file is damaged: a pixel has colour {value} of a palette of {palette.Length / 3}");
            palette.AsSpan(3 * value, 3).CopyTo(rgb[(3 * i)..]);
        }
    }

    /// <summary>Stored as B, G, R.</summary>
    private static void Swap(ReadOnlySpan<byte> row, Span<byte> rgb)
    {
        for (int i = 0; i + 2 < rgb.Length; i += 3)
            (rgb[i], rgb[i + 1], rgb[i + 2]) = (row[i + 2], row[i + 1], row[i]);
    }

    private static void Unpack(ReadOnlySpan<byte> row, BmpHeader header, Span<byte> rgb)
    {
        for (int i = 0; i < header.Width; i++)
        {
            uint pixel = header.Bits == 16 ? BinaryPrimitives.ReadUInt16LittleEndian(row[(2 * i)..]) : BinaryPrimitives.ReadUInt32LittleEndian(row[(4 * i)..]);
            var q = rgb.Slice(3 * i, 3);
            (q[0], q[1], q[2]) = (Field(pixel, header.Masks.R), Field(pixel, header.Masks.G), Field(pixel, header.Masks.B));
        }
    }

    /// <summary>A field of any width, scaled to 0..255 and rounded.</summary>
    internal static byte Field(uint pixel, uint mask)
    {
        if (mask == 0)
            return 0;
        int shift = BitOperations.TrailingZeroCount(mask);
        ulong value = (pixel & mask) >> shift, max = mask >> shift;
        return max == 255 ? (byte)value : (byte)((value * 255 + max / 2) / max);
    }
}
