using SpadeCluster.Features;

namespace SpadeCluster.Imaging;

/// <summary>
/// Netpbm's PBM, PGM and PPM, plain (P1 to P3) and raw (P4 to P6), with sample maxima of 1 to 65535, scaled to 8 bits and
/// rounded to the nearest. Only the first image of a file is read.
/// </summary>
public sealed class PnmDecoder : IImageDecoder
{
    public bool CanDecode(ReadOnlySpan<byte> head) =>
        head.Length >= 3 && head[0] == 'P' && head[1] is >= (byte)'1' and <= (byte)'6' && (IsSpace(head[2]) || head[2] == '#');

    public RgbImage Decode(ReadOnlySpan<byte> data, ImageLimits limits)
    {
        if (!CanDecode(data))
            throw Undecodable.Because("it is not a PNM file");
        int kind = data[1] - '0';
        bool bitmap = kind is 1 or 4, plain = kind <= 3;
        int at = 2;
        long width = ReadNumber(data, ref at), height = ReadNumber(data, ref at);
        long max = bitmap ? 1 : ReadNumber(data, ref at);
        limits.CheckSize(width, height);
        if (max is < 1 or > 65535)
            throw Undecodable.Because($"the PNM header's sample maximum is {max}, not 1 to 65535");

        int channels = kind is 3 or 6 ? 3 : 1;
        long samples = width * height * channels;
        // The least a raster of this size takes: refuse truncated files before taking memory for their pixels.
        long least = kind switch { 1 => samples, 2 or 3 => 2 * samples - 1, 4 => (width + 7) / 8 * height, _ => max < 256 ? samples : 2 * samples };
        if (!plain)
        {
            if (at >= data.Length || !IsSpace(data[at]))
                throw Undecodable.Because("the PNM header is damaged: no white space after it");
            at++;
        }
        if (data.Length - at < least)
            throw Undecodable.Because($"the PNM file is truncated: {width}x{height} pixels take at least {least:N0} bytes after the header, it has {data.Length - at:N0}");

        byte[] rgb = GC.AllocateUninitializedArray<byte>((int)(3 * width * height));
        var raster = data[at..];
        if (kind == 4)
            ReadBits(raster, (int)width, rgb);
        else if (plain)
            ReadPlain(raster, bitmap, (int)max, channels, rgb);
        else
            ReadRaw(raster, (int)max, channels, rgb);
        return new RgbImage((int)width, (int)height, rgb);
    }

    private static void ReadBits(ReadOnlySpan<byte> raster, int width, byte[] rgb)
    {
        int rowBytes = (width + 7) / 8;
        for (int i = 0; i < rgb.Length / 3; i++)
        {
            var (y, x) = Math.DivRem(i, width);
            int ink = (raster[y * rowBytes + x / 8] >> (7 - x % 8)) & 1; // 1 is black
            rgb.AsSpan(3 * i, 3).Fill((byte)(ink == 1 ? 0 : 255));
        }
    }

    private static void ReadRaw(ReadOnlySpan<byte> raster, int max, int channels, byte[] rgb)
    {
        if (max == 255 && channels == 3)
        {
            raster[..rgb.Length].CopyTo(rgb);
            return;
        }
        bool wide = max > 255;
        for (int i = 0; i < rgb.Length / 3; i++)
            for (int c = 0; c < 3; c++)
            {
                int s = channels == 1 ? i : 3 * i + c;
                rgb[3 * i + c] = Scale(wide ? raster[2 * s] << 8 | raster[2 * s + 1] : raster[s], max);
            }
    }

    private static void ReadPlain(ReadOnlySpan<byte> raster, bool bitmap, int max, int channels, byte[] rgb)
    {
        int at = 0;
        for (int i = 0; i < rgb.Length; i += channels == 1 ? 3 : 1)
        {
            byte value = bitmap ? (byte)(255 - 255 * ReadBit(raster, ref at)) : Scale(ReadNumber(raster, ref at), max);
            if (channels == 1)
                rgb.AsSpan(i, 3).Fill(value);
            else
                rgb[i] = value;
        }
    }

    private static byte Scale(long sample, int max) => sample <= max
        ? (byte)((sample * 255 + max / 2) / max)
        : throw Undecodable.Because($"the PNM file is damaged: a sample is {sample}, above the maximum of {max}");

    /// <summary>Plain bitmaps may write their digits without spaces.</summary>
    private static int ReadBit(ReadOnlySpan<byte> data, ref int at)
    {
        SkipSpace(data, ref at);
        int bit = at < data.Length ? data[at++] - '0' : -1;
        return bit is 0 or 1 ? bit : throw Undecodable.Because("the PNM file is damaged or truncated: a 0 or 1 is missing");
    }

    private static long ReadNumber(ReadOnlySpan<byte> data, ref int at)
    {
        SkipSpace(data, ref at);
        int start = at;
        long number = 0;
        for (; at < data.Length && char.IsAsciiDigit((char)data[at]) && at - start < 10; at++)
            number = 10 * number + data[at] - '0';
        if (at == start)
            throw Undecodable.Because("the PNM file is damaged or truncated: a number is missing");
        return number;
    }

    /// <summary>Skips white space, and comments from # to the end of the line.</summary>
    private static void SkipSpace(ReadOnlySpan<byte> data, ref int at)
    {
        for (; at < data.Length && (IsSpace(data[at]) || data[at] == '#'); at++)
            if (data[at] == '#')
                while (at + 1 < data.Length && data[at] is not ((byte)'\n' or (byte)'\r'))
                    at++;
    }

    private static bool IsSpace(byte b) => b is (byte)' ' or (>= 9 and <= 13);
}
