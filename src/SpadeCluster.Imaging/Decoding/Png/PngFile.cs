using System.Buffers.Binary;
using System.IO.Hashing;
using System.Text;

namespace SpadeCluster.Imaging;

/// <summary>
/// The chunks of a PNG file, checked as ImageSharp does not: it leaves the rest black if a file ends early or has an empty chunk of pixels,
/// and reads beyond a palette that is not a multiple of three bytes.
/// </summary>
/// <param name="Samples">Samples of a pixel.</param>
/// <param name="HasAlpha">An alpha channel, or transparent colours.</param>
internal sealed record PngFile(int Width, int Height, int Depth, int Samples, bool HasAlpha)
{
    /// <summary>Deflate's densest code: 258 bytes in two bits.</summary>
    private const long MaxInflation = 1032;

    private const int Palette = 3, AlphaFlag = 4;

    public static ReadOnlySpan<byte> Signature => [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A];

    /// <summary>The chunks that a decoder needs before the pixels: header, palette, transparent colours. Each with its checksum.</summary>
    public List<Range> Head { get; } = [];

    /// <summary>The compressed pixels.</summary>
    public List<Range> Pixels { get; } = [];

    /// <summary>Bytes of a row with the byte that names its filter.</summary>
    public int RowBytes => 1 + (int)((((long)Width * Depth * Samples) + 7) / 8);

    /// <summary>Bytes from a sample to the same one of the next pixel, at least 1.</summary>
    public int PixelBytes => Math.Max(1, Depth * Samples / 8);

    public static bool IsPng(ReadOnlySpan<byte> data) => data.StartsWith(Signature);

    /// <summary>Reads the chunks without inflating them.</summary>
    /// <exception cref="SpadeException">InvalidArgument: truncated, damaged, not supported. ResourceExhausted: over the limits.</exception>
    public static PngFile Check(ReadOnlySpan<byte> data, ImageLimits limits)
    {
        PngFile? png = null;
        long compressed = 0;
        string last = "";
        for (int at = Signature.Length; ;)
        {
            var chunk = Chunk(data, at, out string type);
            if (type == "IHDR" != png is null)
                throw DecodeError.Because(png is null ? "the PNG file does not begin with its header" : "the PNG file has a second header");
            png ??= Header(chunk, limits);
            if (type == "PLTE" && (chunk.Length is 0 or > 768 || chunk.Length % 3 != 0))
                throw DecodeError.Because($"the PNG palette has {chunk.Length} bytes, not 3 for each of 1 to 256 colours");
            if (type == "tRNS" && png.Depth == 16)
                throw DecodeError.Because("PNG with a transparent colour of 16 bits is not supported; save it with an alpha channel");
            if (type == "IDAT" && (chunk.IsEmpty || (compressed > 0 && last != type)))
                throw DecodeError.Because("PNG with empty or scattered chunks of pixels is not supported; save it again");
            if (type == "IEND") break;
            if (type == "tRNS") png = png with { HasAlpha = true };
            if (type == "IDAT")
            {
                compressed += chunk.Length;
                png.Pixels.Add((at + 8)..(at + 8 + chunk.Length));
            }
            else if (type is "IHDR" or "PLTE" or "tRNS") png.Head.Add(at..(at + 12 + chunk.Length));
            else if (IsCritical(type)) throw DecodeError.Because($"the PNG file has an unknown critical chunk '{type}'");
            (at, last) = (at + 12 + chunk.Length, type);
        }
        if ((long)png.Height * png.RowBytes > compressed * MaxInflation)
            throw DecodeError.Because("the PNG file is truncated: it has too little data for its size");
        return png;
    }

    private static PngFile Header(ReadOnlySpan<byte> chunk, ImageLimits limits)
    {
        if (chunk.Length != 13) throw DecodeError.Because($"the PNG header has {chunk.Length} bytes, not 13");
        long width = BinaryPrimitives.ReadUInt32BigEndian(chunk), height = BinaryPrimitives.ReadUInt32BigEndian(chunk[4..]);
        limits.CheckSize(width, height);
        var (depth, color, interlacing) = (chunk[8], chunk[9], chunk[12]);
        bool known = color switch
        {
            0 => depth is 1 or 2 or 4 or 8 or 16,
            Palette => depth is 1 or 2 or 4 or 8,
            2 or 4 or 6 => depth is 8 or 16,
            _ => false,
        };
        if (!known || interlacing > 1)
            throw DecodeError.Because($"there is no PNG of colour type {color} with {depth} bits and interlacing {interlacing}");
        if (interlacing == 1) throw DecodeError.Because("interlaced PNG is not supported; save it without interlacing");
        int samples = color switch { 2 => 3, 4 => 2, 6 => 4, _ => 1 };
        return new PngFile((int)width, (int)height, depth, samples, (color & AlphaFlag) != 0);
    }

    /// <returns>What is between the type and the checksum.</returns>
    private static ReadOnlySpan<byte> Chunk(ReadOnlySpan<byte> data, int at, out string type)
    {
        if (data.Length - at < 12) throw DecodeError.Because("the PNG file is truncated: it ends before its closing chunk");
        uint length = BinaryPrimitives.ReadUInt32BigEndian(data[at..]);
        type = Encoding.Latin1.GetString(data.Slice(at + 4, 4));
        if (!type.All(char.IsAsciiLetter)) throw DecodeError.Because($"the PNG file is damaged: no chunk begins at byte {at}");
        if (length > data.Length - at - 12) throw DecodeError.Because($"the PNG file is truncated within its chunk {type}");
        var body = data.Slice(at + 8, (int)length);
        uint checksum = BinaryPrimitives.ReadUInt32BigEndian(data[(at + 8 + body.Length)..]);
        if (IsCritical(type) && Crc32.HashToUInt32(data.Slice(at + 4, 4 + body.Length)) != checksum)
            throw DecodeError.Because($"the PNG file is damaged: the checksum of its chunk {type} is wrong");
        return body;
    }

    /// <summary>A decoder must understand the chunk: its type has a capital first letter.</summary>
    private static bool IsCritical(string type) => char.IsAsciiLetterUpper(type[0]);
}
