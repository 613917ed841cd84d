namespace SpadeCluster.Imaging;

/// <summary>Run lengths of BMP, RLE8 and RLE4: pairs of (count, value), and escapes that begin with a 0.</summary>
internal static class BmpRunLength
{
    /// <summary>Palette indices [y][x], the bottom row first as stored; what the runs skip stays 0.</summary>
    public static byte[] Decode(ReadOnlySpan<byte> data, BmpHeader header)
    {
        bool nibbles = header.Compression == BmpCompression.Rle4;
        int width = header.Width, height = header.Height, at = 0, x = 0, y = 0;
        var indices = new byte[width * height];
        while (true)
        {
            int count = Next(data, ref at), value = Next(data, ref at);
            if (count > 0)
            {
                var run = Row(indices, width, height, x, y, count);
                for (int i = 0; i < count; i++)
                    run[i] = (byte)(!nibbles ? value : (i & 1) == 0 ? value >> 4 : value & 15);
                x += count;
            }
            else if (value == 0) // end of row
            {
                (x, y) = (0, y + 1);
            }
            else if (value == 1) // end of image
            {
                return indices;
            }
            else if (value == 2) // move right and up
            {
                x += Next(data, ref at);
                y += Next(data, ref at);
            }
            else // so many literal values, padded to 16 bits
            {
                int start = at, bytes = nibbles ? (value + 1) / 2 : value;
                at += bytes + (bytes & 1);
                if (start + bytes > data.Length)
                    throw Truncated();
                var run = Row(indices, width, height, x, y, value);
                for (int i = 0; i < value; i++)
                    run[i] = (byte)(!nibbles ? data[start + i] : (i & 1) == 0 ? data[start + i / 2] >> 4 : data[start + i / 2] & 15);
                x += value;
            }
        }
    }

    private static Span<byte> Row(byte[] indices, int width, int height, int x, int y, int count) => y < height && x + count <= width
        ? indices.AsSpan(y * width + x, count)
        : throw Undecodable.Because($"the BMP file is damaged: a run of {count} pixels at ({x}, {y}) leaves the image");

    private static int Next(ReadOnlySpan<byte> data, ref int at) => at < data.Length ? data[at++] : throw Truncated();

    private static SpadeException Truncated() => Undecodable.Because("the BMP file is truncated within its run lengths");
}
