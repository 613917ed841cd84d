using System.Buffers.Binary;
using SixLabors.ImageSharp.PixelFormats;

namespace SpadeCluster.Imaging.ImageSharp;

/// <summary>Turns a pixel as ImageSharp read it (8-bit samples v are v * 257) into 8-bit RGB.</summary>
internal delegate (byte R, byte G, byte B) PixelRule(Rgba64 pixel);

/// <summary>
/// The rules of Imaging's own decoders over ImageSharp's 16-bit pixels: alpha on black, the nearest of the 8-bit values. Where
/// ImageSharp has already scaled a sample in another way, its steps are undone first.
/// </summary>
internal static class PixelRules
{
    public static (byte R, byte G, byte B) OnBlack(Rgba64 p) => (OnBlack(p.R, p.A), OnBlack(p.G, p.A), OnBlack(p.B, p.A));

    public static (byte R, byte G, byte B) Opaque(Rgba64 p) => OnBlack(new Rgba64(p.R, p.G, p.B, ushort.MaxValue));

    /// <summary>The one transparent colour of 16-bit images is compared here: ImageSharp 3.1.12 swaps its bytes.</summary>
    public static PixelRule Png(PngFile file)
    {
        if (file.Header is not { Depth: 16, Color: PngColor.Grey or PngColor.Rgb }) return OnBlack;
        if (file.Transparency is not { } key) return Opaque;
        if (key.Length != 2 * file.Header.Channels) throw Undecodable.Because($"the PNG chunk tRNS has {key.Length} bytes, not {2 * file.Header.Channels}");
        ushort Key(int channel) => BinaryPrimitives.ReadUInt16BigEndian(key.AsSpan(2 * (channel % file.Header.Channels)));
        var transparent = (Key(0), Key(1), Key(2));
        return p => (p.R, p.G, p.B) == transparent ? default : Opaque(p);
    }

    /// <summary>A fourth channel is not alpha. Fields of fewer than 8 bits come with their highest bits repeated below: they are
    /// taken back and rounded as the others.</summary>
    public static PixelRule Bmp(BmpHeader header)
    {
        if (header.Bits != 16) return Opaque;
        var (r, g, b) = (Maximum(header.Masks.R), Maximum(header.Masks.G), Maximum(header.Masks.B));
        return p => (Field(p.R, r), Field(p.G, g), Field(p.B, b));

        static uint Maximum(uint mask) => mask == 0 ? 0 : mask >> System.Numerics.BitOperations.TrailingZeroCount(mask);
        static byte Field(uint value, uint maximum) => maximum == 0 ? (byte)0 : BmpDecoder.Field(value >> (16 - System.Numerics.BitOperations.PopCount(maximum)), maximum);
    }

    /// <summary>Samples below a maximum of their own come multiplied by the whole times it fits.</summary>
    public static PixelRule Pnm(PnmHeader header)
    {
        if (header.Bitmap || header.Max == 255) return Opaque;
        int factor = header.Max < 256 ? 255 / header.Max * 257 : 65535 / header.Max;
        byte Sample(int value) => (byte)(((value / factor * 255) + (header.Max / 2)) / header.Max);
        return p => (Sample(p.R), Sample(p.G), Sample(p.B));
    }

    private static byte OnBlack(int value, int alpha)
    {
        const long Full = 65535L * 65535;
        return (byte)((((long)value * alpha * 255) + (Full / 2)) / Full);
    }
}
