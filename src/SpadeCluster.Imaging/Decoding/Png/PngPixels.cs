using System.Buffers.Binary;

namespace SpadeCluster.Imaging;

/// <summary>
/// Turns restored rows of one PNG image into 8-bit RGB. Grey becomes R = G = B; alpha is composited on black; 16-bit
/// samples are rounded to the nearest of the 8-bit values (v * 255 / 65535), after compositing.
/// </summary>
internal sealed class PngPixels
{
    private readonly PngHeader _header;

    /// <summary>R, G, B for each sample value; only for grey and palette images of up to 8 bits.</summary>
    private readonly byte[]? _table;

    /// <summary>The one colour (tRNS) that means transparent, or -1: no sample equals it.</summary>
    private readonly (int R, int G, int B) _key = (-1, -1, -1);

    public PngPixels(PngFile file)
    {
        _header = file.Header;
        var (color, depth) = (_header.Color, _header.Depth);
        if (color is PngColor.Grey or PngColor.Rgb && file.Transparency is { } t)
        {
            if (t.Length != 2 * _header.Channels)
                throw Undecodable.Because($"the PNG chunk tRNS has {t.Length} bytes, not {2 * _header.Channels}");
            int Key(int channel) => BinaryPrimitives.ReadUInt16BigEndian(t.AsSpan(2 * channel)) & ((1 << depth) - 1);
            _key = color == PngColor.Rgb ? (Key(0), Key(1), Key(2)) : (Key(0), Key(0), Key(0));
        }
        if (color == PngColor.Palette)
            _table = PaletteTable(file.Palette, file.Transparency ?? []);
        else if (color == PngColor.Grey && depth <= 8)
            _table = GreyTable(depth, _key.R);
    }

    /// <summary>Converts a row's first <paramref name="count"/> pixels.</summary>
    /// <param name="rgb">Begins at the first pixel's place; pixel i goes to byte i * <paramref name="stride"/>.</param>
    public void Convert(ReadOnlySpan<byte> row, int count, Span<byte> rgb, int stride)
    {
        if (_table is not null)
            Look(row, count, rgb, stride);
        else if (_header is { Color: PngColor.Rgb, Depth: 8 } && _key.R < 0 && stride == 3)
            row[..(3 * count)].CopyTo(rgb);
        else if (_header.Depth == 8)
            Convert8(row, count, rgb, stride);
        else
            Convert16(row, count, rgb, stride);
    }

    private void Look(ReadOnlySpan<byte> row, int count, Span<byte> rgb, int stride)
    {
        int depth = _header.Depth, mask = (1 << depth) - 1, colors = _table!.Length / 3;
        for (int i = 0; i < count; i++)
        {
            int bit = i * depth;
            int value = (row[bit >> 3] >> (8 - depth - (bit & 7))) & mask; // the leftmost pixel is in the high bits
            if (value >= colors)
                throw Undecodable.Because($"the PNG file is damaged: a pixel has colour {value} of a palette of {colors}");
            _table.AsSpan(3 * value, 3).CopyTo(rgb[(i * stride)..]);
        }
    }

    private void Convert8(ReadOnlySpan<byte> row, int count, Span<byte> rgb, int stride)
    {
        int channels = _header.Channels;
        bool grey = channels == 2, hasAlpha = channels != 3;
        for (int i = 0; i < count; i++)
        {
            var p = row.Slice(i * channels, channels);
            var q = rgb.Slice(i * stride, 3);
            int r = p[0], g = grey ? r : p[1], b = grey ? r : p[2];
            int alpha = hasAlpha ? p[^1] : (r, g, b) == _key ? 0 : 255;
            if (alpha == 255)
                (q[0], q[1], q[2]) = ((byte)r, (byte)g, (byte)b);
            else
                (q[0], q[1], q[2]) = (OnBlack(r, alpha), OnBlack(g, alpha), OnBlack(b, alpha));
        }
    }

    private void Convert16(ReadOnlySpan<byte> row, int count, Span<byte> rgb, int stride)
    {
        int channels = _header.Channels;
        bool grey = channels <= 2, hasAlpha = channels is 2 or 4;
        for (int i = 0; i < count; i++)
        {
            var p = row.Slice(2 * i * channels, 2 * channels);
            var q = rgb.Slice(i * stride, 3);
            int r = BinaryPrimitives.ReadUInt16BigEndian(p);
            int g = grey ? r : BinaryPrimitives.ReadUInt16BigEndian(p[2..]);
            int b = grey ? r : BinaryPrimitives.ReadUInt16BigEndian(p[4..]);
            int alpha = hasAlpha ? BinaryPrimitives.ReadUInt16BigEndian(p[^2..]) : (r, g, b) == _key ? 0 : 65535;
            (q[0], q[1], q[2]) = (OnBlack16(r, alpha), OnBlack16(g, alpha), OnBlack16(b, alpha));
        }
    }

    private static byte OnBlack(int value, int alpha) => (byte)((value * alpha + 127) / 255);

    private static byte OnBlack16(int value, int alpha)
    {
        const long Full = 65535L * 65535;
        return alpha == 65535 ? (byte)((value * 255 + 32767) / 65535) : (byte)(((long)value * alpha * 255 + Full / 2) / Full);
    }

    private static byte[] GreyTable(int depth, int transparent)
    {
        int max = (1 << depth) - 1;
        var table = new byte[3 * (max + 1)];
        for (int v = 0; v <= max; v++)
            table.AsSpan(3 * v, 3).Fill(v == transparent ? (byte)0 : (byte)(v * 255 / max)); // 1, 3, 15 and 255 divide 255
        return table;
    }

    private static byte[] PaletteTable(byte[] palette, byte[] alphas)
    {
        if (palette.Length == 0)
            throw Undecodable.Because("the PNG file has no palette for its palette colours");
        if (alphas.Length > palette.Length / 3)
            throw Undecodable.Because($"the PNG chunk tRNS has {alphas.Length} entries for a palette of {palette.Length / 3}");
        for (int i = 0; i < 3 * alphas.Length; i++)
            palette[i] = OnBlack(palette[i], alphas[i / 3]);
        return palette;
    }
}
