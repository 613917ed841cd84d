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

    /// <summary>Bit fields, of which it scales those of 5 and 6 bits only, and not to the nearest value.</summary>
    public static bool Bmp(ReadOnlySpan<byte> data) => TryRead(data, BmpHeader.Parse, out var header)
        && (header.Bits == 16 || (header.Bits == 32 && (IsOdd(header.Masks.R) || IsOdd(header.Masks.G) || IsOdd(header.Masks.B))));

    private static bool IsOdd(uint mask) => BitOperations.PopCount(mask) != 8;

    /// <summary>Plain samples, of which it takes any character for one; maxima other than 255, beyond which it reads on and to which
    /// it does not round; a first sample that looks like white space or a comment.</summary>
    public static bool Pnm(ReadOnlySpan<byte> data) => TryRead(data, PnmHeader.Parse, out var header)
        && (header.Plain || (!header.Bitmap && header.Max != 255) || " \t\r\n#"u8.Contains(data[header.RasterOffset]));

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
