using System.Buffers.Binary;
using System.Numerics;

namespace SpadeCluster.Imaging.ImageSharp;

/// <summary>What ImageSharp 3.1.12 reads wrongly, seen in a file's first bytes. Damaged headers are not: decoding says what is wrong.</summary>
internal static class Misread
{
    // Adam7's first passes are empty in narrower images, which ImageSharp does not expect.
    private const int NarrowestInterlaced = 5;

    /// <summary>Narrow interlaced images; the one transparent colour of 16 bits a sample, whose bytes it swaps.</summary>
    public static bool Png(ReadOnlySpan<byte> data)
    {
        // Width, height, depth, kind of colour and interlacing stand at fixed places of the first chunk.
        if (data.Length <= 33) return false;
        if (data[28] != 0 && Math.Min(BinaryPrimitives.ReadUInt32BigEndian(data[16..]), BinaryPrimitives.ReadUInt32BigEndian(data[20..])) < NarrowestInterlaced) return true;
        return data[24] == 16 && data[25] is (byte)PngColor.Grey or (byte)PngColor.Rgb && HasTransparency(data[33..]);
    }

    private static bool HasTransparency(ReadOnlySpan<byte> chunks)
    {
        while (chunks.Length >= 12)
        {
            if (chunks[4..].StartsWith("tRNS"u8)) return true;
            uint length = BinaryPrimitives.ReadUInt32BigEndian(chunks);
            if (length > chunks.Length - 12) return false;
            chunks = chunks[(12 + (int)length)..];
        }
        return false;
    }

    /// <summary>Bit fields other than 5 or 6 bits of 16 and 8 bits of 32, which it does not scale or scales in floats.</summary>
    public static bool Bmp(ReadOnlySpan<byte> data)
    {
        if (!TryRead(data, BmpHeader.Parse, out var header) || header.Bits < 16 || header.Bits == 24) return false;
        var (r, g, b) = header.Masks;
        foreach (uint mask in (ReadOnlySpan<uint>)[r, g, b])
            if (header.Bits == 16 ? BitOperations.PopCount(mask) is not (5 or 6) : BitOperations.PopCount(mask) != 8) return true;
        return false;
    }

    /// <summary>Plain bitmaps; samples above 255, of which it swaps raw ones; a first sample that looks like white space or a comment.</summary>
    public static bool Pnm(ReadOnlySpan<byte> data) => TryRead(data, PnmHeader.Parse, out var header)
        && (header.Kind == 1 || header.Max > 255 || (!header.Plain && " \t\r\n#"u8.Contains(data[header.RasterOffset])));

    private delegate T Parse<T>(ReadOnlySpan<byte> data, ImageLimits limits);

    private static bool TryRead<T>(ReadOnlySpan<byte> data, Parse<T> parse, [System.Diagnostics.CodeAnalysis.MaybeNullWhen(false)] out T header)
    {
        try
        {
            header = parse(data, new ImageLimits(MaxPixels: long.MaxValue));
            return true;
        }
        catch (SpadeException)
        {
            header = default;
            return false;
        }
    }
}
