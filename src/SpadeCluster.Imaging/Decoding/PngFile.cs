using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace SpadeCluster.Imaging;

/// <summary>
/// Checks of PNG files that ImageSharp does not make: it leaves the rest black if a file or its compressed rows end early, stops at an
/// empty chunk of pixels, and reads beyond a palette that is not a multiple of three bytes. It checks the checksums of header, palette and
/// data.
/// </summary>
/// <param name="HasAlpha">An alpha channel, or transparent colours.</param>
internal readonly record struct PngFile(int Width, int Height, int Depth, int Color, bool HasAlpha)
{
    /// <summary>Deflate's densest code: 258 bytes in two bits.</summary>
    private const long MaxInflation = 1032;

    private const int Palette = 3, AlphaFlag = 4;

    public static ReadOnlySpan<byte> Signature => [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A];

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
            if (type == "IHDR") png = Header(chunk, limits);
            else if (type == "PLTE" && (chunk.Length is 0 or > 768 || chunk.Length % 3 != 0))
                throw DecodeError.Because($"the PNG palette has {chunk.Length} bytes, not 3 for each of 1 to 256 colours");
            else if (type == "tRNS" && png!.Value.Depth == 16)
                throw DecodeError.Because("PNG with a transparent colour of 16 bits is not supported; save it with an alpha channel");
            else if (type == "tRNS") png = png!.Value with { HasAlpha = true };
            else if (type == "IDAT" && (chunk.IsEmpty || (compressed > 0 && last != type)))
                throw DecodeError.Because("PNG with empty or scattered chunks of pixels is not supported; save it again");
            else if (type == "IDAT") compressed += chunk.Length;
            else if (type == "IEND") break;
            // A capital first letter marks a critical chunk.
            else if (char.IsAsciiLetterUpper(type[0]) && type != "PLTE")
                throw DecodeError.Because($"the PNG file has an unknown critical chunk '{type}'");
            (at, last) = (at + 12 + chunk.Length, type);
        }
        if (png!.Value.InflatedBytes > compressed * MaxInflation)
            throw DecodeError.Because("the PNG file is truncated: it has too little data for its size");
        return png.Value;
    }

    /// <summary>Refuses a file with fewer rows than its header says. ImageSharp leaves the missing rows black, so this is checked only for
    /// an image that ends black.</summary>
    public void CheckRows(ReadOnlySpan<byte> data, PixelRows image)
    {
        if (image.Row(Height - 1, new byte[3 * Width]).ContainsAnyExcept((byte)0)) return;
        var joined = new MemoryStream();
        for (int at = Signature.Length; ;)
        {
            var chunk = Chunk(data, at, out string type);
            if (type == "IDAT") joined.Write(chunk);
            if (type == "IEND") break;
            at += 12 + chunk.Length;
        }
        joined.Position = 0;
        try
        {
            using var rows = new ZLibStream(joined, CompressionMode.Decompress);
            byte[] buffer = new byte[1 << 16];
            for (long left = InflatedBytes; left > 0;)
            {
                int read = rows.Read(buffer, 0, (int)Math.Min(left, buffer.Length));
                if (read == 0) throw DecodeError.Because("the PNG file's data is incomplete: it ends before the last row");
                left -= read;
            }
            if (rows.ReadByte() >= 0) throw DecodeError.Because("the PNG file has more data than its size needs");
        }
        catch (InvalidDataException e)
        {
            throw DecodeError.Because("the PNG file's data is damaged", e);
        }
    }

    /// <summary>Bytes of all rows, each with a filter byte.</summary>
    private long InflatedBytes => Height * (1 + (((long)Width * Depth * Samples) + 7) / 8);

    private int Samples => Color switch { 2 => 3, 4 => 2, 6 => 4, _ => 1 };

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
        // ImageSharp 2.1.13 never returns if such a file lacks data.
        if (interlacing == 1) throw DecodeError.Because("interlaced PNG is not supported; save it without interlacing");
        return new PngFile((int)width, (int)height, depth, color, (color & AlphaFlag) != 0);
    }

    private static ReadOnlySpan<byte> Chunk(ReadOnlySpan<byte> data, int at, out string type)
    {
        if (data.Length - at < 12) throw DecodeError.Because("the PNG file is truncated: it ends before its closing chunk");
        uint length = BinaryPrimitives.ReadUInt32BigEndian(data[at..]);
        type = Encoding.Latin1.GetString(data.Slice(at + 4, 4));
        if (!type.All(char.IsAsciiLetter)) throw DecodeError.Because($"the PNG file is damaged: no chunk begins at byte {at}");
        return length <= data.Length - at - 12 ? data.Slice(at + 8, (int)length)
            : throw DecodeError.Because($"the PNG file is truncated within its chunk {type}");
    }
}
