using System.Buffers.Binary;

namespace SpadeCluster.Imaging;

/// <summary>The CRC-32 of PNG and zlib (polynomial EDB88320, reflected), eight bytes a step ("slicing by 8").</summary>
internal static class Crc32
{
    // Tables[256*k + b]: what byte b still adds to the remainder when k more bytes follow it.
    private static readonly uint[] Tables = MakeTables();

    public static uint Of(ReadOnlySpan<byte> data) => ~Append(~0u, data);

    /// <summary>Continues a remainder (started at ~0, inverted at the end) over more data.</summary>
    public static uint Append(uint crc, ReadOnlySpan<byte> data)
    {
        uint[] t = Tables;
        while (data.Length >= 8)
        {
            uint a = BinaryPrimitives.ReadUInt32LittleEndian(data) ^ crc;
            uint b = BinaryPrimitives.ReadUInt32LittleEndian(data[4..]);
            crc = t[1792 + (a & 0xFF)] ^ t[1536 + ((a >> 8) & 0xFF)] ^ t[1280 + ((a >> 16) & 0xFF)] ^ t[1024 + (a >> 24)]
                ^ t[768 + (b & 0xFF)] ^ t[512 + ((b >> 8) & 0xFF)] ^ t[256 + ((b >> 16) & 0xFF)] ^ t[b >> 24];
            data = data[8..];
        }
        foreach (byte x in data)
            crc = t[(crc ^ x) & 0xFF] ^ (crc >> 8);
        return crc;
    }

    private static uint[] MakeTables()
    {
        var t = new uint[8 * 256];
        for (uint b = 0; b < 256; b++)
        {
            uint crc = b;
            for (int bit = 0; bit < 8; bit++)
                crc = (crc >> 1) ^ (0xEDB88320u & (0u - (crc & 1)));
            t[b] = crc;
        }
        for (int i = 256; i < t.Length; i++)
            t[i] = (t[i - 256] >> 8) ^ t[t[i - 256] & 0xFF];
        return t;
    }
}
