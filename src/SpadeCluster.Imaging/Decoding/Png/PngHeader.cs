using System.Buffers.Binary;

namespace SpadeCluster.Imaging;

internal enum PngColor : byte { Grey = 0, Rgb = 2, Palette = 3, GreyAlpha = 4, RgbAlpha = 6 }

/// <summary>The chunk IHDR (PNG specification, 11.2.2): size in pixels, bits per sample, kind of colour.</summary>
internal readonly record struct PngHeader(int Width, int Height, int Depth, PngColor Color, bool Interlaced)
{
    public int Channels => Color switch { PngColor.Rgb => 3, PngColor.GreyAlpha => 2, PngColor.RgbAlpha => 4, _ => 1 };

    /// <summary>Distance in bytes to the "left" byte that a row filter refers to; 1 for pixels smaller than a byte.</summary>
    public int FilterStep => Math.Max(1, Channels * Depth / 8);

    /// <summary>Bytes of a row of so many pixels, without the filter's byte.</summary>
    public int RowBytes(int width) => checked((int)(((long)width * Channels * Depth + 7) / 8));

    public static PngHeader Parse(ReadOnlySpan<byte> body, ImageLimits limits)
    {
        if (body.Length != 13)
            throw Undecodable.Because($"the PNG header has {body.Length} bytes, not 13");
        uint width = BinaryPrimitives.ReadUInt32BigEndian(body), height = BinaryPrimitives.ReadUInt32BigEndian(body[4..]);
        var (depth, color) = (body[8], (PngColor)body[9]);
        bool known = color switch
        {
            PngColor.Grey => depth is 1 or 2 or 4 or 8 or 16,
            PngColor.Palette => depth is 1 or 2 or 4 or 8,
            PngColor.Rgb or PngColor.GreyAlpha or PngColor.RgbAlpha => depth is 8 or 16,
            _ => false,
        };
        if (!known)
            throw Undecodable.Because($"PNG has no colour type {body[9]} with {depth} bits a sample");
        if (body[10] != 0 || body[11] != 0 || body[12] > 1)
            throw Undecodable.Because("the PNG header names an unknown compression, filter or interlace method");
        limits.CheckSize(width, height);
        return new((int)width, (int)height, depth, color, body[12] == 1);
    }
}
