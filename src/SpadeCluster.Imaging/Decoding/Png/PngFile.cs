using System.Buffers.Binary;
using System.Text;

namespace SpadeCluster.Imaging;

/// <summary>A PNG file's chunks, checked (order, lengths, CRC, enough data for its size) but not yet inflated.</summary>
internal sealed class PngFile
{
    public static ReadOnlySpan<byte> Signature => [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A];

    /// <summary>Deflate's densest code: 258 bytes in two bits.</summary>
    private const long MaxInflation = 1032;

    private readonly IReadOnlyList<Range> _pieces;
    private readonly int _compressedBytes;

    private PngFile(PngHeader header, byte[] palette, byte[]? transparency, IReadOnlyList<Range> pieces, int compressedBytes)
    {
        // A few bytes cannot hold many rows, whatever the header says: refuse before anybody takes memory for them.
        if ((long)header.Height * header.RowBytes(header.Width) > compressedBytes * MaxInflation)
            throw Undecodable.Because("the PNG file is truncated: it has too little data for its size");
        (Header, Palette, Transparency, _pieces, _compressedBytes) = (header, palette, transparency, pieces, compressedBytes);
    }

    public PngHeader Header { get; }

    /// <summary>PLTE: R, G, B a colour; empty if absent.</summary>
    public byte[] Palette { get; }

    /// <summary>tRNS: an alpha per palette colour, or the one transparent sample or colour (16 bits a channel).</summary>
    public byte[]? Transparency { get; }

    public static PngFile Parse(ReadOnlySpan<byte> data, ImageLimits limits)
    {
        PngHeader? header = null;
        byte[] palette = [];
        byte[]? transparency = null;
        var pieces = new List<Range>();
        int compressed = 0;

        for (int at = Signature.Length; ;)
        {
            var body = ReadChunk(data, at, out string type);
            if (header is null && type != "IHDR")
                throw Undecodable.Because("the PNG file does not begin with its header");
            switch (type)
            {
                case "IHDR":
                    if (header is not null)
                        throw Undecodable.Because("the PNG file has a second header");
                    header = PngHeader.Parse(body, limits);
                    break;
                case "PLTE":
                    if (body.Length is 0 or > 768 || body.Length % 3 != 0)
                        throw Undecodable.Because($"the PNG palette has {body.Length} bytes, not 3 for each of 1 to 256 colours");
                    palette = body.ToArray();
                    break;
                case "tRNS":
                    transparency = body.ToArray();
                    break;
                case "IDAT":
                    pieces.Add((at + 8)..(at + 8 + body.Length));
                    compressed += body.Length;
                    break;
                case "IEND":
                    return new PngFile(header!.Value, palette, transparency, pieces, compressed);
                default:
                    // Bit 5 of the first letter (lower case) marks chunks that a decoder may skip.
                    if (char.IsAsciiLetterUpper(type[0]))
                        throw Undecodable.Because($"the PNG file has an unknown critical chunk '{type}'");
                    break;
            }
            at += 12 + body.Length;
        }
    }

    private static ReadOnlySpan<byte> ReadChunk(ReadOnlySpan<byte> data, int at, out string type)
    {
        if (data.Length - at < 12)
            throw Undecodable.Because("the PNG file is truncated: it ends before its closing chunk");
        uint length = BinaryPrimitives.ReadUInt32BigEndian(data[at..]);
        var name = data.Slice(at + 4, 4);
        foreach (byte letter in name)
            if (!char.IsAsciiLetter((char)letter))
                throw Undecodable.Because($"the PNG file is damaged: no chunk begins at byte {at}");
        type = Encoding.ASCII.GetString(name);
        if (length > data.Length - at - 12)
            throw Undecodable.Because($"the PNG file is truncated within its chunk {type}");
        var named = data.Slice(at + 4, 4 + (int)length);
        if (Crc32.Of(named) != BinaryPrimitives.ReadUInt32BigEndian(data[(at + 8 + (int)length)..]))
            throw Undecodable.Because($"the PNG file is damaged: the checksum of its chunk {type} is wrong");
        return named[4..];
    }

    /// <summary>All IDAT chunks of the file joined: one zlib stream.</summary>
    public byte[] Compressed(ReadOnlySpan<byte> data)
    {
        byte[] joined = GC.AllocateUninitializedArray<byte>(_compressedBytes);
        int at = 0;
        foreach (var piece in _pieces)
        {
            data[piece].CopyTo(joined.AsSpan(at));
            at += data[piece].Length;
        }
        return joined;
    }
}
