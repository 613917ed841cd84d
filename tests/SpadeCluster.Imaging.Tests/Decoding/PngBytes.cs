using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace SpadeCluster.Imaging.Tests;

/// <summary>Builds PNG files, valid ones and ones with false headers.</summary>
internal static class PngBytes
{
    /// <param name="rows">All rows, without filter bytes.</param>
    public static byte[] Make(int width, int height, int depth, int color, byte[] rows)
    {
        int rowBytes = rows.Length / height;
        var raw = new MemoryStream();
        for (int y = 0; y < height; y++)
        {
            raw.WriteByte(0);
            raw.Write(rows, y * rowBytes, rowBytes);
        }
        return Join(Header(width, height, depth, color), Chunk("IDAT", Deflate(raw.ToArray())), Chunk("IEND", []));
    }

    public static byte[] Join(params byte[][] chunks) => [.. PngFile.Signature, .. chunks.SelectMany(c => c)];

    public static byte[] Header(int width, int height, int depth = 8, int color = 2, int compression = 0, int filter = 0, int interlace = 0)
    {
        var body = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(body, width);
        BinaryPrimitives.WriteInt32BigEndian(body.AsSpan(4), height);
        (body[8], body[9], body[10], body[11], body[12]) = ((byte)depth, (byte)color, (byte)compression, (byte)filter, (byte)interlace);
        return Chunk("IHDR", body);
    }

    public static byte[] Chunk(string type, byte[] body)
    {
        byte[] named = [.. Encoding.ASCII.GetBytes(type), .. body];
        var chunk = new byte[8 + named.Length];
        BinaryPrimitives.WriteInt32BigEndian(chunk, body.Length);
        named.CopyTo(chunk, 4);
        BinaryPrimitives.WriteUInt32BigEndian(chunk.AsSpan(^4), Crc32(named));
        return chunk;
    }

    /// <summary>The checksum of PNG's chunks, bit by bit.</summary>
    public static uint Crc32(ReadOnlySpan<byte> data)
    {
        uint crc = ~0u;
        foreach (byte b in data)
        {
            crc ^= b;
            for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ ((crc & 1) * 0xEDB88320);
        }
        return ~crc;
    }

    public static byte[] Deflate(byte[] raw)
    {
        var memory = new MemoryStream();
        using (var zlib = new ZLibStream(memory, CompressionLevel.Optimal, leaveOpen: true))
            zlib.Write(raw);
        return memory.ToArray();
    }
}
